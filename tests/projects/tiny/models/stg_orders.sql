select order_id, customer, amount from {{ source('shop', 'orders') }}
