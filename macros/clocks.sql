{#- Times are stored as UTC in plain timestamps, so that no query depends on the reader's time zone. -#}

{% macro local_to_utc(local_timestamp, time_zone) -%}
    {{ return(adapter.dispatch('local_to_utc')(local_timestamp, time_zone)) }}
{%- endmacro %}


{% macro default__local_to_utc(local_timestamp, time_zone) -%}
    timezone('UTC', timezone({{ time_zone }}, {{ local_timestamp }}))
{%- endmacro %}


{#- Spark takes the first of an hour that occurs twice: an hour later the clock shows the same again, and that is meant. -#}
{% macro spark__local_to_utc(local_timestamp, time_zone) -%}
    {%- set first = "to_utc_timestamp(" ~ local_timestamp ~ ", " ~ time_zone ~ ")" -%}
    cast(
        case
            when from_utc_timestamp({{ first }} + interval '1' hour, {{ time_zone }}) = {{ local_timestamp }}
                then {{ first }} + interval '1' hour
            else {{ first }}
        end as timestamp
    )
{%- endmacro %}


{#- Whichever of the two the others take, an hour later the clock shows the same after the first alone. -#}
{% macro trino__local_to_utc(local_timestamp, time_zone) -%}
    {%- set first = "with_timezone(" ~ local_timestamp ~ ", " ~ time_zone ~ ")" -%}
    cast(
        case
            when cast({{ first }} + interval '1' hour as timestamp(6)) = {{ local_timestamp }}
                then at_timezone({{ first }} + interval '1' hour, 'UTC')
            else at_timezone({{ first }}, 'UTC')
        end as timestamp(6)
    )
{%- endmacro %}


{% macro bigquery__local_to_utc(local_timestamp, time_zone) -%}
    {%- set first = "timestamp(" ~ local_timestamp ~ ", " ~ time_zone ~ ")" -%}
    datetime(
        case
            when datetime(timestamp_add({{ first }}, interval 1 hour), {{ time_zone }}) = {{ local_timestamp }}
                then timestamp_add({{ first }}, interval 1 hour)
            else {{ first }}
        end, 'UTC'
    )
{%- endmacro %}


{% macro snowflake__local_to_utc(local_timestamp, time_zone) -%}
    {%- set first = "convert_timezone(" ~ time_zone ~ ", 'UTC', " ~ local_timestamp ~ ")" -%}
    case
        when convert_timezone('UTC', {{ time_zone }}, dateadd(hour, 1, {{ first }})) = {{ local_timestamp }}
            then dateadd(hour, 1, {{ first }})
        else {{ first }}
    end
{%- endmacro %}


{% macro utc_to_local(utc_timestamp, time_zone) -%}
    {{ return(adapter.dispatch('utc_to_local')(utc_timestamp, time_zone)) }}
{%- endmacro %}


{% macro default__utc_to_local(utc_timestamp, time_zone) -%}
    timezone({{ time_zone }}, timezone('UTC', {{ utc_timestamp }}))
{%- endmacro %}


{% macro spark__utc_to_local(utc_timestamp, time_zone) -%}
    cast(from_utc_timestamp({{ utc_timestamp }}, {{ time_zone }}) as timestamp)
{%- endmacro %}


{% macro trino__utc_to_local(utc_timestamp, time_zone) -%}
    cast(at_timezone(with_timezone({{ utc_timestamp }}, 'UTC'), {{ time_zone }}) as timestamp(6))
{%- endmacro %}


{% macro bigquery__utc_to_local(utc_timestamp, time_zone) -%}
    datetime(timestamp({{ utc_timestamp }}, 'UTC'), {{ time_zone }})
{%- endmacro %}


{% macro snowflake__utc_to_local(utc_timestamp, time_zone) -%}
    convert_timezone('UTC', {{ time_zone }}, {{ utc_timestamp }})
{%- endmacro %}


{% macro clock_to_minutes(clock) -%}
    {{ return(adapter.dispatch('clock_to_minutes')(clock)) }}
{%- endmacro %}


{% macro default__clock_to_minutes(clock) -%}
    ({{ clock }} // 100 * 60 + {{ clock }} % 100)
{%- endmacro %}


{% macro spark__clock_to_minutes(clock) -%}
    ({{ clock }} div 100 * 60 + {{ clock }} % 100)
{%- endmacro %}


{#- Trino divides whole numbers without a rest. -#}
{% macro trino__clock_to_minutes(clock) -%}
    ({{ clock }} / 100 * 60 + {{ clock }} % 100)
{%- endmacro %}


{% macro bigquery__clock_to_minutes(clock) -%}
    (div({{ clock }}, 100) * 60 + mod({{ clock }}, 100))
{%- endmacro %}


{% macro snowflake__clock_to_minutes(clock) -%}
    cast(floor({{ clock }} / 100) * 60 + mod({{ clock }}, 100) as integer)
{%- endmacro %}


{% macro minutes_between(start_at, end_at) -%}
    {{ return(adapter.dispatch('minutes_between')(start_at, end_at)) }}
{%- endmacro %}


{% macro default__minutes_between(start_at, end_at) -%}
    date_diff('minute', {{ start_at }}, {{ end_at }})
{%- endmacro %}


{% macro spark__minutes_between(start_at, end_at) -%}
    timestampdiff(minute, date_trunc('minute', {{ start_at }}), date_trunc('minute', {{ end_at }}))
{%- endmacro %}


{#- Trino counts whole minutes, the others the full minutes that were passed. -#}
{% macro trino__minutes_between(start_at, end_at) -%}
    date_diff('minute', date_trunc('minute', {{ start_at }}), date_trunc('minute', {{ end_at }}))
{%- endmacro %}


{% macro bigquery__minutes_between(start_at, end_at) -%}
    datetime_diff({{ end_at }}, {{ start_at }}, minute)
{%- endmacro %}


{% macro snowflake__minutes_between(start_at, end_at) -%}
    datediff(minute, {{ start_at }}, {{ end_at }})
{%- endmacro %}


{% macro iso_day_of_week(day) -%}
    {{ return(adapter.dispatch('iso_day_of_week')(day)) }}
{%- endmacro %}


{% macro default__iso_day_of_week(day) -%}
    isodow({{ day }})::integer
{%- endmacro %}


{% macro spark__iso_day_of_week(day) -%}
    ((dayofweek({{ day }}) + 5) % 7 + 1)::integer
{%- endmacro %}


{% macro trino__iso_day_of_week(day) -%}
    cast(day_of_week({{ day }}) as integer)
{%- endmacro %}


{% macro bigquery__iso_day_of_week(day) -%}
    (mod(extract(dayofweek from {{ day }}) + 5, 7) + 1)
{%- endmacro %}


{% macro snowflake__iso_day_of_week(day) -%}
    dayofweekiso({{ day }})
{%- endmacro %}
