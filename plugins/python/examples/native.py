#!/usr/bin/env python3
"""An evaluator that speaks the wire contract (docs/wire.md) itself, with gRPC.

An example of a plugin without any SDK, for languages that have none. For Python
there is an easier way, see docs/python.md. Needs grpcio and protobuf; with TLS
also the openssl command.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent import futures
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# The messages are made at run time: generated code would be bound to a version of
# protobuf.
POOL = descriptor_pool.DescriptorPool()
POOL.Add(descriptor_pb2.FileDescriptorProto.FromString((Path(__file__).parent / "nascent.binpb").read_bytes()))


def message(name):
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName("nascent.v1." + name))


def evaluate(genes):
    return 1 / (1 + genes["x"] ** 2)


def describe(request, context):
    return message("Description")(kinds=["evaluator"], name="native", version="1", sdk="none")


def open_(request, context):
    hello = message("EvaluatorHello")
    if json.loads(request.options):
        return hello(refusal={"text": "this evaluator has no options: leave it out", "key": sorted(json.loads(request.options))[0]})
    return hello(name="native", version="1", slots=1, deterministic=True, budget=1, identity="{}",
                 metrics=[{"name": "accuracy", "goal": "maximize"}])


def run(orders, context):
    report = message("Report")
    for order in orders:
        reports = []
        for job in order.jobs:
            reports.append(report(id=job.id, attempt=job.attempt, begun={}))
            finished = {"status": "ok", "metrics": {"names": ["accuracy"], "values": [evaluate(json.loads(job.genes))]}}
            reports.append(report(id=job.id, attempt=job.attempt, finished=finished))
        if reports:
            yield message("FromEvaluator")(reports=reports)


def service(name, **methods):
    return grpc.method_handlers_generic_handler(name, methods)


def unary(function, request):
    return grpc.unary_unary_rpc_method_handler(function, message(request).FromString, lambda m: m.SerializeToString())


def credentials(client):
    """The server's side of mutual TLS, and its certificate."""
    with tempfile.TemporaryDirectory() as folder:
        key, cert = os.path.join(folder, "key"), os.path.join(folder, "cert")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
                       check=True, stderr=subprocess.DEVNULL)
        pair = Path(key).read_bytes(), Path(cert).read_bytes()
    body = "".join(line for line in pair[1].decode().splitlines() if not line.startswith("-"))
    server = grpc.ssl_server_credentials([pair], root_certificates=client.encode(), require_client_auth=True)
    return server, base64.b64encode(base64.b64decode(body)).decode().rstrip("=")


def watch(descriptor):
    """End with the host."""
    while os.read(descriptor, 1024):
        pass
    os._exit(1)


def main():
    if os.environ.get("NASCENT_PLUGIN") != "evolve":
        sys.exit("this is a plugin of nascent and is not run by hand: name it in search.yaml")
    threading.Thread(target=watch, args=(int(os.environ["NASCENT_LIFELINE"]),), daemon=True).start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())

    def shutdown(request, context):
        ended.set()
        return b""

    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 64 << 20)])
    server.add_generic_rpc_handlers((
        service("nascent.v1.Plugin", Describe=unary(describe, "DescribeRequest")),
        service("nascent.v1.Evaluator", Open=unary(open_, "OpenEvaluator"),
                Run=grpc.stream_stream_rpc_method_handler(run, message("ToEvaluator").FromString, lambda m: m.SerializeToString())),
        service("grpc.health.v1.Health", Check=grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")),  # SERVING
        service("plugin.GRPCController", Shutdown=grpc.unary_unary_rpc_method_handler(shutdown)),
    ))
    path = os.path.join(os.environ.get("PLUGIN_UNIX_SOCKET_DIR", tempfile.gettempdir()), f"native-{os.getpid()}")
    certificate = ""
    if os.environ.get("PLUGIN_CLIENT_CERT"):
        secret, certificate = credentials(os.environ["PLUGIN_CLIENT_CERT"])
        server.add_secure_port("unix:" + path, secret)
    else:
        server.add_insecure_port("unix:" + path)
    server.start()
    print(f"1|1|unix|{path}|grpc|{certificate}", flush=True)
    ended.wait()
    server.stop(1).wait()


if __name__ == "__main__":
    main()
