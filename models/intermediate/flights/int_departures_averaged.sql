with flights as (

    select * from {{ ref('int_flights_timed') }}

),

departed_flights as (

    select *
    from flights
    where departed_at is not null

)

-- NOTE: the hour ends one minute early: flights that leave in the same minute do not know of each other.
select
    flight_id,
    count(*) over hour_before as departures_last_hour_count,
    avg(departure_delay_minutes) over hour_before as mean_departure_delay_last_hour_minutes,
    departed_at
from departed_flights
window hour_before as (
    partition by origin
    order by departed_at
    range between interval '60' minute preceding and interval '1' minute preceding
)
