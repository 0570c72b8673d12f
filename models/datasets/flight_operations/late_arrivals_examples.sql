with flights as (

    select * from {{ ref('fct_flights') }}

),

recent_departures as (

    select * from {{ ref('int_departures_averaged') }}

),

planes as (

    select * from {{ ref('dim_planes') }}

),

-- A reading may be as late as the end of its hour, so that is when it is known.
weather_hours as (

    select
        *,
        airport_code as origin,
        hour_starts_at + interval '1' hour as weather_known_at
    from {{ ref('fct_weather_hours') }}

),

-- Without an arrival delay there is no label: such flights stay in fct_flights and are no examples.
labelled_flights as (

    select
        *,
        {{ utc_to_local('scheduled_departure_at', "'America/New_York'") }} as scheduled_departure_local_at
    from flights
    where flight_outcome = 'arrived'

),

-- What the same plane did before. How late it arrived counts only when that was over by the time it left New York.
labelled_flights_with_previous as (

    select
        labelled_flights.*,
        {{ minutes_between('previous_flights.departed_at', 'labelled_flights.departed_at') }}
            as minutes_since_previous_departure,
        previous_flights.departure_delay_minutes as previous_departure_delay_minutes,
        case
            when previous_flights.arrived_at <= labelled_flights.departed_at
                then previous_flights.arrival_delay_minutes
        end as previous_arrival_delay_minutes
    from labelled_flights
    left join flights as previous_flights
        on labelled_flights.previous_flight_id = previous_flights.flight_id

),

-- The last reading known at departure, if it is of the last full hour.
examples_with_weather as (

    select *
    from {{ as_of_join(
        left='labelled_flights_with_previous',
        right='weather_hours',
        left_at='departed_at',
        right_at='weather_known_at',
        keys=['origin'],
        columns=[
            'weather_hour_id',
            'temperature_fahrenheit',
            'dew_point_fahrenheit',
            'relative_humidity_percent',
            'wind_direction_degrees',
            'wind_speed_miles_per_hour',
            'wind_gust_miles_per_hour',
            'precipitation_inches',
            'pressure_millibars',
            'visibility_miles',
            'weather_known_at',
        ],
        at_most='59 minutes',
    ) }}

)

select
    examples.flight_id,
    examples.tail_number,
    examples.carrier,
    examples.origin,
    examples.destination,
    planes.manufacturer,
    planes.engine_type,
    examples.arrival_delay_minutes > 15 as is_late,
    examples.has_known_plane,
    examples.weather_hour_id is not null as has_weather,
    {{ iso_day_of_week('examples.scheduled_departure_local_at') }} as scheduled_day_of_week,
    hour(examples.scheduled_departure_local_at)::integer as scheduled_departure_hour,
    {{ minutes_between('examples.scheduled_departure_at', 'examples.scheduled_arrival_at') }}::integer
        as scheduled_elapsed_minutes,
    examples.distance_miles,
    examples.departure_delay_minutes,
    examples.minutes_since_previous_departure::integer as minutes_since_previous_departure,
    examples.previous_departure_delay_minutes,
    examples.previous_arrival_delay_minutes,
    recent_departures.departures_last_hour_count::integer as departures_last_hour_count,
    recent_departures.mean_departure_delay_last_hour_minutes,
    planes.seat_count,
    planes.engine_count,
    (year(examples.scheduled_on) - planes.built_in_year)::integer as plane_age_years,
    examples.temperature_fahrenheit,
    examples.dew_point_fahrenheit,
    examples.relative_humidity_percent,
    examples.wind_direction_degrees,
    examples.wind_speed_miles_per_hour,
    examples.wind_gust_miles_per_hour,
    examples.precipitation_inches,
    examples.pressure_millibars,
    examples.visibility_miles,
    examples.arrival_delay_minutes,
    examples.scheduled_on,
    examples.weather_known_at,
    examples.departed_at
from examples_with_weather as examples
left join recent_departures
    on examples.flight_id = recent_departures.flight_id
left join planes
    on examples.tail_number = planes.tail_number
-- An export keeps the table's order, so the same data always make the same files.
order by examples.departed_at, examples.flight_id
