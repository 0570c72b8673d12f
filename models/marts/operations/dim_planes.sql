with planes as (

    select * from {{ ref('stg_nycflights__planes') }}

),

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

tail_numbers as (

    select tail_number from planes
    union
    select tail_number from flights where tail_number is not null

)

select
    tail_numbers.tail_number,
    planes.tail_number is not null as is_registered,
    planes.plane_type,
    planes.manufacturer,
    planes.plane_model,
    planes.engine_type,
    planes.engine_count,
    planes.seat_count,
    planes.cruise_speed_miles_per_hour,
    planes.built_in_year
from tail_numbers
left join planes
    on tail_numbers.tail_number = planes.tail_number
