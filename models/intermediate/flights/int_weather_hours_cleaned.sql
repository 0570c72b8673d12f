with weather_hours as (

    select * from {{ ref('stg_nycflights__weather') }}

),

-- The strongest wind ever measured near the ground is 253 miles per hour; a reading beyond 200 is a broken instrument.
weather_hours_with_flags as (

    select
        *,
        coalesce(wind_speed_miles_per_hour > 200, false) as is_wind_speed_implausible,
        count(*) over (partition by airport_code, local_hour_starts_at) > 1 as is_repeated_local_hour
    from weather_hours

)

select
    weather_hour_id,
    airport_code,
    is_wind_speed_implausible,
    is_repeated_local_hour,
    temperature_fahrenheit,
    dew_point_fahrenheit,
    relative_humidity_percent,
    wind_direction_degrees,
    case when not is_wind_speed_implausible then wind_speed_miles_per_hour end as wind_speed_miles_per_hour,
    wind_gust_miles_per_hour,
    precipitation_inches,
    pressure_millibars,
    visibility_miles,
    local_hour_starts_at,
    hour_starts_at
from weather_hours_with_flags
