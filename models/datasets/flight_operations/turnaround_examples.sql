with flights as (

    select * from {{ ref('fct_flights') }}

),

planes as (

    select * from {{ ref('dim_planes') }}

),

weather_hours as (

    select * from {{ ref('fct_weather_hours') }}

),

turnarounds as (

    select
        flights.*,
        previous_flights.origin as previous_origin,
        previous_flights.destination as previous_destination,
        previous_flights.departure_delay_minutes as previous_departure_delay_minutes,
        previous_flights.arrival_delay_minutes as previous_arrival_delay_minutes,
        previous_flights.air_time_minutes as previous_air_time_minutes,
        previous_flights.arrived_at as previous_arrived_at,
        {{ minutes_between('previous_flights.arrived_at', 'flights.scheduled_departure_at') }} as minutes_until_departure,
        {{ utc_to_local('flights.scheduled_departure_at', "'America/New_York'") }} as scheduled_departure_local_at
    from flights
    inner join flights as previous_flights
        on flights.previous_flight_id = previous_flights.flight_id

),

-- The prediction is made when the plane arrives at the far end, so that moment must be known and lie before the departure.
-- A plane that left New York before it had arrived elsewhere is another plane under a mistyped tail number.
predictable_turnarounds as (

    select *
    from turnarounds
    where minutes_until_departure between 1 and 24 * 60
        and departed_at > previous_arrived_at

)

select
    turnarounds.flight_id,
    turnarounds.previous_flight_id,
    turnarounds.tail_number,
    turnarounds.carrier,
    turnarounds.origin,
    turnarounds.destination,
    turnarounds.previous_origin,
    turnarounds.previous_destination,
    planes.manufacturer,
    turnarounds.origin = turnarounds.previous_origin as is_same_origin,
    turnarounds.has_known_plane,
    weather_hours.weather_hour_id is not null as has_weather,
    turnarounds.departure_delay_minutes,
    {{ iso_day_of_week('turnarounds.scheduled_departure_local_at') }} as scheduled_day_of_week,
    hour(turnarounds.scheduled_departure_local_at)::integer as scheduled_departure_hour,
    turnarounds.minutes_until_departure::integer as minutes_until_departure,
    (turnarounds.minutes_until_departure - turnarounds.previous_air_time_minutes)::integer as spare_minutes,
    turnarounds.distance_miles,
    turnarounds.previous_air_time_minutes,
    turnarounds.previous_departure_delay_minutes,
    turnarounds.previous_arrival_delay_minutes,
    planes.seat_count,
    planes.engine_count,
    (year(turnarounds.scheduled_on) - planes.built_in_year)::integer as plane_age_years,
    weather_hours.temperature_fahrenheit,
    weather_hours.wind_speed_miles_per_hour,
    weather_hours.precipitation_inches,
    weather_hours.visibility_miles,
    turnarounds.previous_arrived_at,
    turnarounds.scheduled_departure_at,
    turnarounds.departed_at
from predictable_turnarounds as turnarounds
left join planes
    on turnarounds.tail_number = planes.tail_number
-- A reading may be as late as the end of its hour, so the last one known is that of the hour before the plane arrived.
left join weather_hours
    on turnarounds.origin = weather_hours.airport_code
    and date_trunc('hour', turnarounds.previous_arrived_at) - interval '1' hour = weather_hours.hour_starts_at
-- An export keeps the table's order, so the same data always make the same files.
order by turnarounds.previous_arrived_at, turnarounds.flight_id
