select 1 as id, 42 as amount union all select 2, 58
