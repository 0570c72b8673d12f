{#- Spark keeps no `not null` for Parquet, so a contract's columns are counted instead: one scan, and the same error. -#}

{% macro spark__persist_constraints(relation, model) %}
    {%- set columns = [] -%}
    {%- if config.get('contract').enforced -%}
        {%- for column in model.columns.values() -%}
            {%- if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
                {%- do columns.append(column.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if columns -%}
        {%- set counts -%}
            select
            {%- for column in columns %}
                count(*) - count({{ adapter.quote(column) }}) as {{ adapter.quote(column) }}
                {%- if not loop.last %},{% endif %}
            {%- endfor %}
            from {{ relation }}
        {%- endset -%}
        {%- set found = run_query(counts).rows[0] -%}
        {%- for column in columns -%}
            {%- if found[loop.index0] > 0 -%}
                {%- do exceptions.raise_compiler_error(
                    "Constraint Error: NOT NULL constraint failed: " ~ relation.identifier ~ "." ~ column
                    ~ " is null in " ~ found[loop.index0] ~ " rows"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
