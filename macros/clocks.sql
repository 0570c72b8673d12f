{#- Times are stored as UTC in plain timestamps, so that no query depends on the reader's time zone. -#}

{% macro local_to_utc(local_timestamp, time_zone) -%}
    timezone('UTC', timezone({{ time_zone }}, {{ local_timestamp }}))
{%- endmacro %}


{% macro utc_to_local(utc_timestamp, time_zone) -%}
    timezone({{ time_zone }}, timezone('UTC', {{ utc_timestamp }}))
{%- endmacro %}


{% macro clock_to_minutes(clock) -%}
    ({{ clock }} // 100 * 60 + {{ clock }} % 100)
{%- endmacro %}
