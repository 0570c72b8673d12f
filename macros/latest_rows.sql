{#-
  The latest row per key (a column, or a list of them) of a source that is loaded incrementally, by its cursor column: a
  `from` item of its own. Rows arrive in batches whose names sort, so of two with the same cursor the one of the later
  batch counts.
-#}

{% macro latest_rows(relation, key, cursor) -%}
    {{ return(adapter.dispatch('latest_rows')(relation, key, cursor)) }}
{%- endmacro %}


{% macro default__latest_rows(relation, key, cursor) -%}
    {{ exceptions.raise_compiler_error(
        "latest_rows knows no batches on " ~ target.type ~ "; write " ~ target.type
        ~ "__latest_rows next to macros/latest_rows.sql"
    ) }}
{%- endmacro %}


{% macro duckdb__latest_rows(relation, key, cursor) -%}
    {%- set keys = [] -%}
    {%- for name in ([key] if key is string else key) -%}
        {%- do keys.append(adapter.quote(name | replace('"', '""'))) -%}
    {%- endfor -%}
    (
        select *
        from {{ relation }}
        qualify row_number() over (
            partition by {{ keys | join(', ') }}
            order by {{ adapter.quote(cursor | replace('"', '""')) }} desc nulls last, filename desc
        ) = 1
    )
{%- endmacro %}


{#- Spark has no `qualify`, so that the place of a row is a column, and those of the relation are listed. -#}
{% macro spark__latest_rows(relation, key, cursor) -%}
    {%- set keys = [] -%}
    {%- for name in ([key] if key is string else key) -%}
        {%- do keys.append(adapter.quote(name | replace('`', '``'))) -%}
    {%- endfor -%}
    {%- set columns = [] -%}
    {%- if execute -%}
        {%- for column in run_query('select * from ' ~ relation ~ ' limit 0').columns -%}
            {%- do columns.append(adapter.quote(column.name | replace('`', '``'))) -%}
        {%- endfor -%}
    {%- endif -%}
    (
        select {{ columns | join(', ') or '*' }}
        from (
            select
                *,
                row_number() over (
                    partition by {{ keys | join(', ') }}
                    order by {{ adapter.quote(cursor | replace('`', '``')) }} desc nulls last, filename desc
                ) as place_of_row
            from {{ relation }}
        ) as placed_rows
        where place_of_row = 1
    )
{%- endmacro %}
