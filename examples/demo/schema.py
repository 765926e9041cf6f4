"""TPC-H: the tables as the database gets them, and as the examples use them."""

import datetime

from molt_sql import Column, Table

# In the order they are loaded. On SQLite DECIMAL gives floats back.
CREATE_TABLE = {
    "region": """
        r_regionkey INTEGER PRIMARY KEY, r_name TEXT NOT NULL, r_comment TEXT NOT NULL""",
    "nation": """
        n_nationkey INTEGER PRIMARY KEY, n_name TEXT NOT NULL, n_regionkey INTEGER NOT NULL,
        n_comment TEXT NOT NULL""",
    "supplier": """
        s_suppkey INTEGER PRIMARY KEY, s_name TEXT NOT NULL, s_address TEXT NOT NULL,
        s_nationkey INTEGER NOT NULL, s_phone TEXT NOT NULL, s_acctbal DECIMAL(15,2) NOT NULL,
        s_comment TEXT NOT NULL""",
    "customer": """
        c_custkey INTEGER PRIMARY KEY, c_name TEXT NOT NULL, c_address TEXT NOT NULL,
        c_nationkey INTEGER NOT NULL, c_phone TEXT NOT NULL, c_acctbal DECIMAL(15,2) NOT NULL,
        c_mktsegment TEXT NOT NULL, c_comment TEXT NOT NULL""",
    "part": """
        p_partkey INTEGER PRIMARY KEY, p_name TEXT NOT NULL, p_mfgr TEXT NOT NULL,
        p_brand TEXT NOT NULL, p_type TEXT NOT NULL, p_size INTEGER NOT NULL,
        p_container TEXT NOT NULL, p_retailprice DECIMAL(15,2) NOT NULL, p_comment TEXT NOT NULL""",
    "partsupp": """
        ps_partkey INTEGER NOT NULL, ps_suppkey INTEGER NOT NULL, ps_availqty INTEGER NOT NULL,
        ps_supplycost DECIMAL(15,2) NOT NULL, ps_comment TEXT NOT NULL,
        PRIMARY KEY (ps_partkey, ps_suppkey)""",
    "orders": """
        o_orderkey INTEGER PRIMARY KEY, o_custkey INTEGER NOT NULL, o_orderstatus TEXT NOT NULL,
        o_totalprice DECIMAL(15,2) NOT NULL, o_orderdate DATE NOT NULL,
        o_orderpriority TEXT NOT NULL, o_clerk TEXT NOT NULL, o_shippriority INTEGER NOT NULL,
        o_comment TEXT NOT NULL""",
    "lineitem": """
        l_orderkey INTEGER NOT NULL, l_partkey INTEGER NOT NULL, l_suppkey INTEGER NOT NULL,
        l_linenumber INTEGER NOT NULL, l_quantity DECIMAL(15,2) NOT NULL,
        l_extendedprice DECIMAL(15,2) NOT NULL, l_discount DECIMAL(15,2) NOT NULL,
        l_tax DECIMAL(15,2) NOT NULL, l_returnflag TEXT NOT NULL, l_linestatus TEXT NOT NULL,
        l_shipdate DATE NOT NULL, l_commitdate DATE NOT NULL, l_receiptdate DATE NOT NULL,
        l_shipinstruct TEXT NOT NULL, l_shipmode TEXT NOT NULL, l_comment TEXT NOT NULL,
        PRIMARY KEY (l_orderkey, l_linenumber)""",
}

CREATE_INDEX = ("CREATE INDEX orders_by_customer ON orders (o_custkey)",)


class Customer(Table, name="customer"):
    c_custkey: Column[int]
    c_name: Column[str]
    c_nationkey: Column[int]
    c_mktsegment: Column[str]


class Nation(Table, name="nation"):
    n_nationkey: Column[int]
    n_name: Column[str]


class Orders(Table, name="orders"):
    o_orderkey: Column[int]
    o_custkey: Column[int]
    o_totalprice: Column[float]
    o_orderdate: Column[datetime.date]


class Lineitem(Table, name="lineitem"):
    l_orderkey: Column[int]
    l_quantity: Column[float]
    l_extendedprice: Column[float]
    l_discount: Column[float]
    l_tax: Column[float]
    l_returnflag: Column[str]
    l_linestatus: Column[str]
    l_shipdate: Column[datetime.date]


class Part(Table, name="part"):
    p_partkey: Column[int]
    p_name: Column[str]
    p_type: Column[str]
