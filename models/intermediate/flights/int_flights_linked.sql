with flights as (

    select * from {{ ref('int_flights_timed') }}

),

departed_flights as (

    select *
    from flights
    where departed_at is not null
        and tail_number is not null

)

select
    flight_id,
    lag(flight_id) over (
        partition by tail_number
        order by departed_at, flight_id
    ) as previous_flight_id,
    tail_number,
    departed_at
from departed_flights
