{#-
  The latest row of `right` that was known at each row of `left`: a `from` item of its own. Every row of `left` comes
  back once; without such a row, the columns of `right` are null.
-#}

{% macro as_of_join(left, right, left_at, right_at, keys, columns, prefix='', strictly_before=false, at_most=none) -%}
    {{ return(adapter.dispatch('as_of_join')(
        left, right, left_at, right_at, keys, columns, prefix, strictly_before, at_most
    )) }}
{%- endmacro %}


{% macro default__as_of_join(left, right, left_at, right_at, keys, columns, prefix, strictly_before, at_most) -%}
    {{ exceptions.raise_compiler_error(
        "as_of_join knows no way to join as of a time on " ~ target.type
        ~ "; write " ~ target.type ~ "__as_of_join next to macros/as_of_join.sql"
    ) }}
{%- endmacro %}


{% macro duckdb__as_of_join(left, right, left_at, right_at, keys, columns, prefix, strictly_before, at_most) -%}
    {%- if columns is string or keys is string -%}
        {{ exceptions.raise_compiler_error("as_of_join: keys and columns are lists, [" ~ (columns if columns is string else keys) ~ "]") }}
    {%- endif -%}
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
