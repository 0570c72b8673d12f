with airports as (

    select * from {{ ref('stg_nycflights__airports') }}

),

flights as (

    select * from {{ ref('stg_nycflights__flights') }}

),

airport_codes as (

    select airport_code from airports
    union
    select origin from flights
    union
    select destination from flights

),

origins as (

    select distinct origin from flights

)

select
    airport_codes.airport_code,
    airports.airport_name,
    airports.airport_code is not null as is_listed,
    origins.origin is not null as is_origin,
    airports.time_zone,
    airports.latitude_degrees,
    airports.longitude_degrees,
    airports.altitude_feet
from airport_codes
left join airports
    on airport_codes.airport_code = airports.airport_code
left join origins
    on airport_codes.airport_code = origins.origin
