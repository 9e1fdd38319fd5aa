print("a DAG")
