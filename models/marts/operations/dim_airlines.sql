with airlines as (

    select * from {{ ref('stg_nycflights__airlines') }}

)

select
    carrier,
    airline_name
from airlines
