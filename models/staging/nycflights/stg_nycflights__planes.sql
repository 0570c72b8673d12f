with source as (

    select * from {{ source('nycflights', 'planes') }}

),

renamed as (

    select
        tailnum as tail_number,
        type as plane_type,
        manufacturer,
        model as plane_model,
        engine as engine_type,
        engines::integer as engine_count,
        seats::integer as seat_count,
        speed::integer as cruise_speed_miles_per_hour,
        year::integer as built_in_year
    from source

)

select * from renamed
