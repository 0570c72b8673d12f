with source as (

    select * from {{ source('nycflights', 'flights') }}

),

-- NOTE: the source's hour and minute are left out: they repeat the digits of dep_time.
renamed as (

    select
        concat_ws('-', make_date(year, month, day)::string, carrier, flight::string, origin) as flight_id,
        carrier,
        flight::integer as flight_number,
        tailnum as tail_number,
        origin,
        dest as destination,
        dep_time::integer as departure_clock,
        arr_time::integer as arrival_clock,
        dep_delay::integer as departure_delay_minutes,
        arr_delay::integer as arrival_delay_minutes,
        air_time::integer as air_time_minutes,
        distance::integer as distance_miles,
        make_date(year, month, day) as scheduled_on
    from source

)

select * from renamed
