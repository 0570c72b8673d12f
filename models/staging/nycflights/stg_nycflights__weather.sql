with source as (

    select * from {{ source('nycflights', 'weather') }}

),

-- NOTE: year, month, day and hour are New York's clock, which shows one hour twice in November; time_hour is UTC and unique.
renamed as (

    select
        concat_ws('-', origin, replace(left(time_hour::timestamp::string, 13), ' ', 'T') || 'Z') as weather_hour_id,
        origin as airport_code,
        temp::double as temperature_fahrenheit,
        dewp::double as dew_point_fahrenheit,
        humid::double as relative_humidity_percent,
        wind_dir::integer as wind_direction_degrees,
        wind_speed::double as wind_speed_miles_per_hour,
        wind_gust::double as wind_gust_miles_per_hour,
        precip::double as precipitation_inches,
        pressure::double as pressure_millibars,
        visib::double as visibility_miles,
        make_timestamp(year::integer, month::integer, day::integer, hour::integer, 0, 0) as local_hour_starts_at,
        time_hour::timestamp as hour_starts_at
    from source

)

select * from renamed
