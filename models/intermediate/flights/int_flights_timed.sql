with flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

airports as (

    select * from {{ ref('stg_nycflights__airports') }}

),

flights_with_zone as (

    select
        flights.*,
        airports.time_zone as destination_time_zone
    from flights
    left join airports
        on flights.destination = airports.airport_code

),

-- A flight is filed under the day it was scheduled on, so the scheduled clock is the actual one less the delay, wrapped
-- around midnight, and never the day's change.
flights_with_clock as (

    select
        *,
        {{ clock_to_minutes('departure_clock') }} - departure_delay_minutes as scheduled_clock_minutes
    from flights_with_zone

),

flights_with_schedule as (

    select
        *,
        {{ local_to_utc(
            "scheduled_on::timestamp + interval '1' minute * ((scheduled_clock_minutes % 1440 + 1440) % 1440)",
            "'America/New_York'"
        ) }} as scheduled_departure_at
    from flights_with_clock

),

-- Delays are elapsed minutes, so they are added to UTC: right also in the night when clocks change.
flights_with_departure as (

    select
        *,
        scheduled_departure_at + interval '1' minute * departure_delay_minutes as departed_at
    from flights_with_schedule

),

flights_with_local_departure as (

    select
        *,
        {{ utc_to_local('departed_at', 'destination_time_zone') }} as departed_at_destination_time
    from flights_with_departure

),

-- Without an arrival delay the flight was diverted or lost track of, and its arrival clock, if any, tells nothing.
flights_with_arrival_clock as (

    select
        *,
        case
            when arrival_delay_minutes is not null
                then date_trunc('day', departed_at_destination_time)
                    + interval '1' minute * {{ clock_to_minutes('arrival_clock') }}
        end as arrived_on_same_day_at
    from flights_with_local_departure

),

-- No flight takes a day, so it arrived the first time that the destination's clock showed the arrival time.
flights_with_arrival as (

    select
        *,
        {{ local_to_utc(
            "case
                when arrived_on_same_day_at < departed_at_destination_time then arrived_on_same_day_at + interval '1' day
                else arrived_on_same_day_at
            end",
            "destination_time_zone"
        ) }} as arrived_at
    from flights_with_arrival_clock

)

select
    flight_id,
    carrier,
    flight_number,
    tail_number,
    origin,
    destination,
    case
        when departed_at is null then 'cancelled'
        when arrival_delay_minutes is null then 'arrival_unknown'
        else 'arrived'
    end as flight_outcome,
    departure_clock,
    departure_delay_minutes,
    arrival_delay_minutes,
    air_time_minutes,
    distance_miles,
    scheduled_on,
    scheduled_departure_at,
    departed_at,
    arrived_at - interval '1' minute * arrival_delay_minutes as scheduled_arrival_at,
    arrived_at
from flights_with_arrival
