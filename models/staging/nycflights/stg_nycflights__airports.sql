with source as (

    select * from {{ source('nycflights', 'airports') }}

),

renamed as (

    select
        faa as airport_code,
        name as airport_name,
        tzone as time_zone,
        lat::double as latitude_degrees,
        lon::double as longitude_degrees,
        alt::integer as altitude_feet
    from source

)

select * from renamed
