#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent for Tributary, written from Protocols/PROTOCOL.md and tributary.proto alone.

It trains softmax regression by plain SGD in NumPy on the arrays `x` (samples, one a row after flattening) and `y`
(classes) of an .npz file; every fifth sample is held out for evaluation. For other models it returns a small
deterministic delta. It keeps its updates until the coordinator says that their round is durable, and resumes transfers
in both directions.

    minimal_agent.py --connect 127.0.0.1:7070 --id python-1 --data part.npz --rounds 5

Exit codes: 0 the coordinator said goodbye because it stops, or the rounds asked for are done; 1 the coordinator refused
this agent; 2 wrong arguments or data; 3 the coordinator cannot be reached.
"""

import argparse
import random
import socket
import struct
import sys
import time

import numpy as np
import xxhash

import tributary_messages

pb = tributary_messages.load()

FRAME_LIMIT = 8 << 20
SECOND = 1_000_000


class Violation(Exception):
    """The coordinator does not keep to the protocol."""


class Lost(Exception):
    """The connection is gone."""


class Dismissed(Exception):
    """The coordinator said goodbye."""

    def __init__(self, goodbye):
        super().__init__(f"{pb.ReasonCode.Name(goodbye.reason)}: {goodbye.message}")
        self.goodbye = goodbye


class Connection:
    """Frames over one socket, with heartbeats and the silence limit."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inbound = bytearray()
        self.heartbeat = 10.0
        self.silence_limit = 30.0
        self.last_heard = self.last_sent = time.monotonic()

    def close(self):
        self.socket.close()

    def send(self, **body):
        data = pb.Frame(**body).SerializeToString(deterministic=True)
        try:
            self.socket.settimeout(self.silence_limit)
            self.socket.sendall(struct.pack("<I", len(data)) + data)
        except OSError as error:
            raise Lost(f"cannot send: {error}") from error
        self.last_sent = time.monotonic()

    def beat(self):
        if time.monotonic() >= self.last_sent + self.heartbeat:
            self.send(heartbeat=pb.Heartbeat())

    def _next_frame(self):
        if len(self.inbound) < 4:
            return None
        (length,) = struct.unpack_from("<I", self.inbound)
        if not 1 <= length <= FRAME_LIMIT:
            raise Violation(f"a frame of {length} bytes")
        if len(self.inbound) < 4 + length:
            return None
        frame = pb.Frame.FromString(bytes(self.inbound[4 : 4 + length]))
        del self.inbound[: 4 + length]
        return frame

    def _read(self, wait):
        """Bytes from the socket; without `wait`, None when none are there."""
        while True:
            until = min(self.last_sent + self.heartbeat, self.last_heard + self.silence_limit)
            self.socket.settimeout(max(until - time.monotonic(), 0.001) if wait else 0)
            try:
                return self.socket.recv(1 << 18)
            except (BlockingIOError, TimeoutError):
                if time.monotonic() >= self.last_heard + self.silence_limit:
                    raise Lost("nothing was heard for the silence limit") from None
                self.beat()
                if not wait:
                    return None
            except OSError as error:
                raise Lost(f"cannot receive: {error}") from error

    def receive(self, wait=True):
        """The next frame; without `wait`, None when none is there."""
        while True:
            frame = self._next_frame()
            if frame is not None:
                if frame.WhichOneof("body") is None:
                    print("ignored a message of a later version", flush=True)
                    continue
                return frame
            data = self._read(wait)
            if data is None:
                return None
            if not data:
                raise Lost("the coordinator closed the connection")
            self.last_heard = time.monotonic()
            self.inbound += data


class Samples:
    """The agent's own data, split into a training and a held-out part."""

    def __init__(self, path):
        with np.load(path) as arrays:
            x, y = arrays["x"], arrays["y"]
        if len(x) != len(y):
            raise ValueError(f"{path} has {len(x)} samples and {len(y)} classes")
        x = x.reshape(len(x), -1).astype(np.float32)
        y = y.astype(np.int64)
        is_held_out = np.arange(len(x)) % 5 == 4
        self.train_x, self.train_y = x[~is_held_out], y[~is_held_out]
        self.test_x, self.test_y = x[is_held_out], y[is_held_out]

    def problem(self, model):
        """Why the data do not fit a softmax model, or None."""
        inputs = int(np.prod(model.input))
        if self.train_x.shape[1] != inputs:
            return f"samples of {self.train_x.shape[1]} values, the model takes {inputs}"
        labels = np.concatenate([self.train_y, self.test_y])
        if len(labels) and not 0 <= labels.min() <= labels.max() < model.classes:
            return f"labels up to {labels.max()}, the model has {model.classes} classes"
        return None


def split_softmax(vector, model):
    """The weight [classes, inputs] and the bias [classes] as views of the flat vector."""
    inputs, classes = int(np.prod(model.input)), model.classes
    return vector[: inputs * classes].reshape(classes, inputs), vector[inputs * classes :]


def softmax_losses(x, y, vector, model):
    """Logits, probabilities and the cross-entropy of each sample, in nats."""
    weight, bias = split_softmax(vector, model)
    logits = x @ weight.T + bias
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1)
    losses = np.log(sums) - shifted[np.arange(len(y)), y]
    return logits, exponentials / sums[:, None], losses


class Agent:
    def __init__(self, options, samples):
        self.options = options
        self.samples = samples
        self.incarnation = random.getrandbits(64)
        self.models = {}
        """Bytes of models, complete or not, by digest; only the last asked for is kept."""
        self.outbox = {}
        """Offer and coded bytes by key (serialized)."""
        self.tasks = []
        self.committed = set()
        self.drop_after = options.drop_after
        self.connection = None
        self.welcome = None
        self.last_transfer = 0
        self.cancelled = set()
        self.pending_uploads = []
        self.answered = set()
        """The keys whose offer was answered on this connection."""

    # Connecting

    def run(self):
        failures = 0
        while True:
            pause = None
            try:
                self.connection = Connection(self.options.connect)
            except OSError as error:
                failures += 1
                if failures > self.options.patience:
                    print(f"cannot reach the coordinator: {error}", file=sys.stderr)
                    return 3
                pause = min(0.1 * 2**failures, 5.0) * random.uniform(0.5, 1)
            else:
                failures = 0
                try:
                    self.session()
                    return 0
                except Dismissed as dismissal:
                    print(dismissal, flush=True)
                    goodbye = dismissal.goodbye
                    if goodbye.reason == pb.REASON_SHUTTING_DOWN:
                        return 0
                    if goodbye.reason in (pb.REASON_UNSUPPORTED_VERSION, pb.REASON_INVALID_AGENT, pb.REASON_REPLACED):
                        return 1
                    if goodbye.WhichOneof("retry"):
                        pause = goodbye.retry_after_microseconds / SECOND * random.uniform(1, 2)
                except Lost as why:
                    print(f"disconnected: {why}", flush=True)
                except Violation as why:
                    print(f"the coordinator does not keep to the protocol: {why}", flush=True)
                    goodbye = pb.Goodbye(reason=pb.REASON_PROTOCOL_VIOLATION, message=str(why))
                    try:
                        self.connection.send(goodbye=goodbye)
                    except Lost:
                        pass
                finally:
                    self.connection.close()
            if pause is None:
                earliest = self.welcome.reconnect_earliest_microseconds if self.welcome else SECOND // 10
                latest = self.welcome.reconnect_latest_microseconds if self.welcome else SECOND
                pause = random.uniform(earliest, latest) / SECOND
            time.sleep(pause)

    def session(self):
        """One connection, from the hello to the end; returns when the rounds asked for are done."""
        self.last_transfer = 0
        self.tasks = []
        self.pending_uploads = []
        self.connection.send(
            hello=pb.Hello(
                oldest_version=1, newest_version=1, role=pb.ROLE_AGENT, agent=self.options.id,
                incarnation=self.incarnation, codecs=["fp32"], software="minimal_agent.py 1",
                resources=[pb.Setting(name="samples", value=len(self.samples.train_y))],
            )
        )
        frame = self.connection.receive()
        if frame.WhichOneof("body") == "goodbye":
            raise Dismissed(frame.goodbye)
        if frame.WhichOneof("body") != "welcome" or frame.welcome.version != 1:
            raise Violation("the answer to a hello must be a welcome with a version that was offered")
        self.welcome = frame.welcome
        self.connection.heartbeat = self.welcome.heartbeat_microseconds / SECOND
        self.connection.silence_limit = self.welcome.silence_limit_microseconds / SECOND
        print("connected", flush=True)
        self.answered = set()
        for name in list(self.outbox):
            self.offer(name)
        while not self.is_done():
            if self.pending_uploads:
                self.upload(self.pending_uploads.pop(0))
            elif self.tasks:
                self.work(self.tasks.pop(0))
            else:
                self.handle(self.connection.receive())
        goodbye = pb.Goodbye(reason=pb.REASON_SHUTTING_DOWN, message="the rounds asked for are done")
        self.connection.send(goodbye=goodbye)

    def is_done(self):
        return self.options.rounds is not None and len(self.committed) >= self.options.rounds

    # Messages

    def handle(self, frame):
        body = frame.WhichOneof("body")
        if body == "goodbye":
            raise Dismissed(frame.goodbye)
        if body == "train":
            self.asked(frame.train)
        elif body == "evaluate":
            self.tasks.append(frame.evaluate)
        elif body == "upload_request":
            self.answered.add(frame.upload_request.key.SerializeToString(deterministic=True))
            self.pending_uploads = [one for one in self.pending_uploads if one.key != frame.upload_request.key]
            self.pending_uploads.append(frame.upload_request)
        elif body == "verdict":
            self.judged(frame.verdict)
        elif body == "round_committed":
            self.round_committed(frame.round_committed)
        elif body == "cancel":
            name = frame.cancel.key.SerializeToString(deterministic=True)
            self.cancelled.add(name)
            self.outbox.pop(name, None)
            self.tasks = [one for one in self.tasks if not self.is_withdrawn(one)]
            print(f"round {frame.cancel.key.round} withdrawn: {pb.ReasonCode.Name(frame.cancel.reason)}", flush=True)
        elif body not in ("heartbeat", "chunk"):
            raise Violation(f"an agent is not sent the message {body}")

    def asked(self, task):
        name = task.key.SerializeToString(deterministic=True)
        self.cancelled.discard(name)
        if name in self.outbox and self.outbox[name][0].base_digest != task.base_model.digest:
            # The coordinator runs the round again from another model.
            del self.outbox[name]
        if name in self.outbox:
            if name not in self.answered:
                self.offer(name)
            return
        self.tasks = [one for one in self.tasks if not isinstance(one, pb.TrainTask)] + [task]

    def judged(self, verdict):
        name = verdict.key.SerializeToString(deterministic=True)
        self.answered.add(name)
        if verdict.is_accepted:
            print(f"round {verdict.key.round} accepted", flush=True)
        elif verdict.reason != pb.REASON_STORAGE_FAILED:
            reason = pb.ReasonCode.Name(verdict.reason)
            print(f"round {verdict.key.round} refused: {reason} {verdict.message}", flush=True)
            self.outbox.pop(name, None)
        elif name in self.outbox:
            again = time.monotonic() + 5
            while time.monotonic() < again:
                self.connection.beat()
                time.sleep(min(0.5, self.connection.heartbeat / 2))
            self.offer(name)

    def round_committed(self, message):
        for name, (offer, _) in list(self.outbox.items()):
            if offer.key.job == message.job and offer.key.round <= message.round:
                del self.outbox[name]
                self.committed.add((offer.key.job, offer.key.round))

    # Tasks

    def work(self, task):
        name = "train" if isinstance(task, pb.TrainTask) else "evaluate"
        vector = self.load(task)
        if vector is None:
            return
        try:
            if name == "train":
                self.train(task, vector)
            else:
                self.evaluate(task, vector)
        except ValueError as why:
            self.fail(task, pb.REASON_UNUSABLE_DATA, str(why))

    def fail(self, task, reason, message):
        if isinstance(task, pb.TrainTask):
            key = task.key
        else:
            key = pb.UpdateKey(job=task.job, round=task.base_model.round, attempt=0, agent=self.options.id)
        self.connection.send(task_failed=pb.TaskFailure(key=key, reason=reason, message=message))

    def is_withdrawn(self, task):
        return isinstance(task, pb.TrainTask) and task.key.SerializeToString(deterministic=True) in self.cancelled

    def load(self, task):
        """The task's model as a vector, loaded as far as it is not held; None when the task is off."""
        model = task.base_model
        elements = sum(int(np.prod(tensor.dimensions, dtype=np.int64)) for tensor in task.layout.tensors)
        if model.codec != "fp32":
            return self.fail(task, pb.REASON_UNKNOWN_CODEC, f"the codec {model.codec} is not known here")
        if model.byte_count != 4 * elements:
            raise Violation(f"an fp32 model of {model.byte_count} bytes for {elements} elements")
        if model.digest not in self.models:
            self.models = {model.digest: bytearray()}
        data = self.models[model.digest]
        for _ in range(2):
            if len(data) < model.byte_count and not self.download(task, data):
                return None
            if xxhash.xxh3_128(data).digest() == model.digest:
                return np.frombuffer(bytes(data), dtype="<f4").astype(np.float32)
            print("the model arrived damaged", flush=True)
            data.clear()
        return self.fail(task, pb.REASON_DIGEST_MISMATCH, "the model arrived damaged twice")

    def download(self, task, data):
        """Asks for the bytes that are missing; False when the task was withdrawn meanwhile."""
        model = task.base_model
        self.last_transfer += 1
        transfer = self.last_transfer
        if data:
            print(f"resumes the model at byte {len(data)}", flush=True)
        self.connection.send(blob_request=pb.BlobRequest(transfer=transfer, digest=model.digest, offset=len(data)))
        while len(data) < model.byte_count:
            frame = self.connection.receive()
            if frame.WhichOneof("body") != "chunk":
                self.handle(frame)
                if self.is_withdrawn(task):
                    return False
                continue
            chunk = frame.chunk
            if chunk.transfer != transfer:
                continue
            if chunk.offset != len(data) or not 1 <= len(chunk.data) <= model.byte_count - len(data):
                raise Violation(f"a chunk at {chunk.offset} where {len(data)} bytes are held")
            data += chunk.data
        return True

    def train(self, task, base):
        started = time.monotonic()
        if task.codec != "fp32":
            return self.fail(task, pb.REASON_UNKNOWN_CODEC, f"the codec {task.codec} is not known here")
        if task.training.trainer == "none":
            delta, steps, trained, loss = np.zeros_like(base), 0, 0, 0.0
        elif task.model.kind == "softmax":
            outcome = self.train_softmax(task, base)
            if outcome is None:
                return None
            delta, steps, trained, loss = outcome
        else:
            delta, steps, trained, loss = self.small_delta(task, base)
        if not np.isfinite(delta).all():
            return self.fail(task, pb.REASON_DIVERGED, "training gave values that are not finite")
        data = delta.astype("<f4").tobytes()
        offer = pb.UpdateOffer(
            key=task.key, digest=xxhash.xxh3_128(data).digest(), byte_count=len(data), codec="fp32",
            weight=float(len(self.samples.train_y)), steps=steps, trained_samples=trained, loss=loss,
            training_time_microseconds=int((time.monotonic() - started) * SECOND),
            base_digest=task.base_model.digest,
        )
        name = task.key.SerializeToString(deterministic=True)
        self.outbox[name] = (offer, data)
        self.offer(name)
        return None

    def train_softmax(self, task, base):
        """SGD as PROTOCOL.md has it; None when the task was withdrawn meanwhile."""
        problem = self.samples.problem(task.model)
        if problem:
            raise ValueError(problem)
        rules = task.training
        generator = np.random.default_rng(task.seed)
        vector, velocity = base.copy(), np.zeros_like(base)
        count = len(self.samples.train_y)
        total = rules.local_epochs * -(-count // rules.batch_size)
        total = min(total, rules.maximum_steps) if rules.maximum_steps else total
        steps = trained = 0
        loss_sum, told = 0.0, time.monotonic()
        while steps < total:
            order = generator.permutation(count)
            for start in range(0, count, rules.batch_size):
                if steps == total:
                    break
                batch = order[start : start + rules.batch_size]
                x, y = self.samples.train_x[batch], self.samples.train_y[batch]
                _, errors, losses = softmax_losses(x, y, vector, task.model)
                errors[np.arange(len(y)), y] -= 1
                gradient = np.concatenate([(errors.T @ x).ravel(), errors.sum(axis=0)]) / np.float32(len(y))
                gradient += np.float32(rules.weight_decay) * vector
                velocity = np.float32(rules.momentum) * velocity + gradient
                vector -= np.float32(rules.learning_rate) * velocity
                steps, trained, loss_sum = steps + 1, trained + len(y), loss_sum + float(losses.sum())
                if time.monotonic() >= told + 0.2:
                    told = time.monotonic()
                    progress = pb.TaskProgress(key=task.key, steps=steps, total_steps=total)
                    self.connection.send(progress=progress)
                    self.handle_waiting()
                    if self.is_withdrawn(task):
                        return None
        return vector - base, steps, trained, loss_sum / max(trained, 1)

    def small_delta(self, task, base):
        """For models that this agent cannot train: numbers that depend on the seed alone."""
        generator = np.random.default_rng(task.seed)
        return generator.uniform(-1e-3, 1e-3, len(base)).astype(np.float32), 1, len(self.samples.train_y), 0.0

    def evaluate(self, task, vector):
        outcome = pb.EvaluationSummary()
        if task.model.kind == "softmax":
            problem = self.samples.problem(task.model)
            if problem:
                raise ValueError(problem)
            y = self.samples.test_y
            if len(y):
                logits, _, losses = softmax_losses(self.samples.test_x, y, vector, task.model)
                correct = int((logits.argmax(axis=1) == y).sum())
                outcome = pb.EvaluationSummary(
                    sample_count=len(y), correct_count=correct, loss_sum=float(losses.astype(np.float64).sum())
                )
                print(f"round {task.base_model.round}: {correct} of {len(y)} correct", flush=True)
        report = pb.EvaluationReport(job=task.job, round=task.base_model.round, outcome=outcome)
        self.connection.send(evaluation=report)

    # Uploads

    def offer(self, name):
        self.connection.send(offer=self.outbox[name][0])

    def handle_waiting(self):
        """Handles what has come, without waiting for more."""
        while (frame := self.connection.receive(wait=False)) is not None:
            self.handle(frame)

    def upload(self, request):
        name = request.key.SerializeToString(deterministic=True)
        if name not in self.outbox:
            return
        data = self.outbox[name][1]
        if not request.offset < len(data):
            raise Violation(f"an upload from {request.offset} of {len(data)} bytes")
        print(f"sends round {request.key.round} from byte {request.offset} of {len(data)}", flush=True)
        size = self.welcome.chunk_bytes
        if self.drop_after is not None:
            size = min(size, max(1, self.drop_after // 3))
        position = request.offset
        while position < len(data):
            piece = data[position : position + size]
            self.connection.send(chunk=pb.BlobChunk(transfer=request.transfer, offset=position, data=piece))
            position += len(piece)
            is_due = self.drop_after is not None and position - request.offset >= self.drop_after
            if is_due and position < len(data):
                self.drop_after = None
                raise Lost("dropped on purpose in the middle of an upload")
            self.handle_waiting()
            if name not in self.outbox or any(one.key == request.key for one in self.pending_uploads):
                return


def address(text):
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"'{text}' is no HOST:PORT")
    return host.strip("[]"), int(port)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connect", type=address, required=True, metavar="HOST:PORT")
    parser.add_argument("--id", required=True, help="the agent's name")
    parser.add_argument("--data", required=True, metavar="FILE.npz", help="arrays x and y")
    parser.add_argument("--rounds", type=int, help="leave when so many rounds with this agent are durable")
    parser.add_argument("--drop-after", type=int, metavar="BYTES", help="break the connection once in an upload")
    parser.add_argument("--patience", type=int, default=20, help="failed attempts to connect in a row before giving up")
    options = parser.parse_args()
    try:
        samples = Samples(options.data)
    except (OSError, KeyError, ValueError) as why:
        print(f"cannot use {options.data}: {why}", file=sys.stderr)
        return 2
    return Agent(options, samples).run()


if __name__ == "__main__":
    sys.exit(main())
