{#- On Spark, files stand as tables in a schema of the build's own; everywhere else a source is what dbt makes of it. -#}

{% macro source(source_name, table_name) %}
    {%- set relation = builtins.source(source_name, table_name) -%}
    {%- if target.type == 'spark' and execute -%}
        {%- for node in graph.sources.values() if node.source_name == source_name and node.name == table_name -%}
            {%- if node.meta.external_location -%}
                {%- do return(relation.incorporate(path={
                    'schema': target.schema ~ '_' ~ node.schema,
                    'identifier': table_name,
                })) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(relation) -%}
{% endmacro %}
