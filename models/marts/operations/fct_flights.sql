with flights as (

    select * from {{ ref('int_flights_timed') }}

),

links as (

    select * from {{ ref('int_flights_linked') }}

),

planes as (

    select * from {{ ref('stg_nycflights__planes') }}

),

airports as (

    select * from {{ ref('stg_nycflights__airports') }}

),

weather_hours as (

    select * from {{ ref('int_weather_hours_cleaned') }}

)

select
    flights.flight_id,
    links.previous_flight_id,
    flights.carrier,
    flights.flight_number,
    flights.tail_number,
    flights.origin,
    flights.destination,
    flights.flight_outcome,
    planes.tail_number is not null as has_known_plane,
    airports.airport_code is not null as has_known_destination,
    weather_hours.weather_hour_id is not null as has_departure_weather,
    flights.departure_delay_minutes,
    flights.arrival_delay_minutes,
    flights.air_time_minutes,
    flights.distance_miles,
    flights.scheduled_on,
    flights.scheduled_departure_at,
    flights.departed_at,
    flights.scheduled_arrival_at,
    flights.arrived_at
from flights
left join links
    on flights.flight_id = links.flight_id
left join planes
    on flights.tail_number = planes.tail_number
left join airports
    on flights.destination = airports.airport_code
left join weather_hours
    on flights.origin = weather_hours.airport_code
    and date_trunc('hour', flights.departed_at) = weather_hours.hour_starts_at
