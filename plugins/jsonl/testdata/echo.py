"""A unary gRPC service that answers what it is asked: python3 echo.py SOCKET"""
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)  # bytes, as no serializer is given
server = grpc.server(ThreadPoolExecutor(1))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo.Echo", {"Echo": echo}),))
server.add_insecure_port("unix:" + sys.argv[1])
server.start()
print("ready", flush=True)
sys.stdin.read()
