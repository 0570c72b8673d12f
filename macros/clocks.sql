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


{% macro utc_to_local(utc_timestamp, time_zone) -%}
    {{ return(adapter.dispatch('utc_to_local')(utc_timestamp, time_zone)) }}
{%- endmacro %}


{% macro default__utc_to_local(utc_timestamp, time_zone) -%}
    timezone({{ time_zone }}, timezone('UTC', {{ utc_timestamp }}))
{%- endmacro %}


{% macro spark__utc_to_local(utc_timestamp, time_zone) -%}
    cast(from_utc_timestamp({{ utc_timestamp }}, {{ time_zone }}) as timestamp)
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


{% macro minutes_between(start_at, end_at) -%}
    {{ return(adapter.dispatch('minutes_between')(start_at, end_at)) }}
{%- endmacro %}


{% macro default__minutes_between(start_at, end_at) -%}
    date_diff('minute', {{ start_at }}, {{ end_at }})
{%- endmacro %}


{% macro spark__minutes_between(start_at, end_at) -%}
    timestampdiff(minute, date_trunc('minute', {{ start_at }}), date_trunc('minute', {{ end_at }}))
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
