{#-
  The latest row of `right` that was known at each row of `left`: a `from` item of its own. Every row of `left` comes
  back once; without such a row, the columns of `right` are null.
-#}

{% macro as_of_join(left, right, left_at, right_at, keys, columns, prefix='', strictly_before=false, at_most=none) -%}
    {{ return(adapter.dispatch('as_of_join')(
        left, right, left_at, right_at, keys, columns, prefix, strictly_before, at_most
    )) }}
{%- endmacro %}


{#- Any database: the latest time that was known at each moment of `left`, over the times of both in one order. -#}
{% macro default__as_of_join(left, right, left_at, right_at, keys, columns, prefix, strictly_before, at_most) -%}
    {%- do check_as_of_join(keys, columns) -%}
    (
        select
            as_of_left.*
            {%- for column in columns -%}
            ,
            as_of_right.{{ column }} as {{ prefix }}{{ column }}
            {%- endfor %}
        from {{ left }} as as_of_left
        left join (
            select
                {{ keys | join(', ') }},
                as_of_at,
                as_of_place,
                max(as_of_known_at) over (
                    partition by {{ keys | join(', ') }}
                    order by as_of_at, as_of_place
                    rows between unbounded preceding and current row
                ) as as_of_known_at
            from (
                select
                    {{ keys | join(', ') }},
                    {{ right_at }} as as_of_at,
                    {{ right_at }} as as_of_known_at,
                    {{ 2 if strictly_before else 0 }} as as_of_place
                from {{ right }}
                union all
                select distinct
                    {{ keys | join(', ') }},
                    {{ left_at }} as as_of_at,
                    null as as_of_known_at,
                    1 as as_of_place
                from {{ left }}
            ) as as_of_times
        ) as as_of_moments
            on {% for key in keys -%}
                as_of_left.{{ key }} = as_of_moments.{{ key }}
            and {% endfor -%}
            as_of_left.{{ left_at }} = as_of_moments.as_of_at
            and as_of_moments.as_of_place = 1
        left join (
            select
                *,
                row_number() over (
                    partition by {{ keys | join(', ') }}, {{ right_at }}
                    order by {{ columns | join(', ') }}
                ) as as_of_position
            from {{ right }}
        ) as as_of_right
            on {% for key in keys -%}
                as_of_moments.{{ key }} = as_of_right.{{ key }}
            and {% endfor -%}
            as_of_moments.as_of_known_at = as_of_right.{{ right_at }}
            and as_of_right.as_of_position = 1
            {%- if at_most is not none %}
            and as_of_right.{{ right_at }} >= as_of_left.{{ left_at }} - interval '{{ at_most }}'
            {%- endif %}
    )
{%- endmacro %}


{% macro duckdb__as_of_join(left, right, left_at, right_at, keys, columns, prefix, strictly_before, at_most) -%}
    {%- do check_as_of_join(keys, columns) -%}
    {%- set comparison = '>' if strictly_before else '>=' -%}
    {%- set is_fresh = 'true' if at_most is none else
        'as_of_right.' ~ right_at ~ ' >= as_of_left.' ~ left_at ~ " - interval '" ~ at_most ~ "'" -%}
    (
        select
            as_of_left.*,
            {%- for column in columns %}
            case when {{ is_fresh }} then as_of_right.{{ column }} end as {{ prefix }}{{ column }},
            {%- endfor %}
        from {{ left }} as as_of_left
        asof left join {{ right }} as as_of_right
            on {% for key in keys -%}
                as_of_left.{{ key }} = as_of_right.{{ key }}
            and {% endfor -%}
            as_of_left.{{ left_at }} {{ comparison }} as_of_right.{{ right_at }}
    )
{%- endmacro %}


{% macro check_as_of_join(keys, columns) -%}
    {%- if columns is string or keys is string -%}
        {{ exceptions.raise_compiler_error("as_of_join: keys and columns are lists, [" ~ (columns if columns is string else keys) ~ "]") }}
    {%- endif -%}
{%- endmacro %}
