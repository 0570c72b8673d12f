with weather_hours as (

    select * from {{ ref('int_weather_hours_cleaned') }}

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
    wind_speed_miles_per_hour,
    wind_gust_miles_per_hour,
    precipitation_inches,
    pressure_millibars,
    visibility_miles,
    local_hour_starts_at,
    hour_starts_at
from weather_hours
