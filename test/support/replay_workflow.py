"""Replays scripted task results through moto's Step Functions interpreter: a story as JSON a line on stdin, what happened on stdout.

A story has `definition`, `input`, `services` (tasks that are no functions) and `tasks`: for each task state the results of
its visits in order, `{"output": ...}` or `{"error": name, "cause": text}`; those of a task within a distributed map have `item`,
the `run` in what the state was given, and a visit gets the first of its own item. Nothing is called: moto's own seam for mocked service integrations gives the results.
What the items of a distributed map did is told after the execution's own events: `items`.
"""

import json
import logging
import re
import sys
import threading
import time
from types import SimpleNamespace

import boto3
from moto import mock_aws
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import distributed_iteration_component
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeSuccess
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.mocking.mock_config import MockedResponseReturn, MockedResponseThrow

logging.disable()

story = {}
results = {}
managers = []
lock = threading.Lock()


class ItemEvents(EventManager):
    """The history that moto gives to the items of a distributed map, and forgets."""

    def __init__(self):
        super().__init__()
        managers.append(self)


distributed_iteration_component.EventManager = ItemEvents
# What is tried again is tried at once.
retrier_decl.time = SimpleNamespace(sleep=lambda seconds: None)


def as_moto_reads(definition):
    """Moto's grammar takes a percentage with decimals only; Step Functions takes any number."""
    return re.sub(r'("ToleratedFailurePercentage": \d+)(?=[,}])', r"\1.0", json.dumps(definition))


def take(name, env):
    with lock:
        visits = results[name]
        if visits and "item" in visits[0]:
            item = env.states.get_input()["run"]
            return visits.pop(next(index for index, visit in enumerate(visits) if visit["item"] == item))
        return visits.pop(0)


def answer(env, output):
    """Tells a state that waits for its token what it waits for."""
    token = env.states.context_object.context_object_data["Task"]["Token"]
    outcome = CallbackOutcomeSuccess(callback_id=token, output=json.dumps(output))
    threading.Timer(0.05, lambda: env.callback_pool_manager.notify(callback_id=token, outcome=outcome)).start()


def next_result(env):
    name = env.next_state_name
    result = take(name, env)
    if name == "AskApproval" and "output" in result:
        answer(env, result["output"])
    if "output" in result:
        is_function = name not in story["services"]
        payload = {"StatusCode": 200, "Payload": result["output"]} if is_function else result["output"]
        return MockedResponseReturn(0, 0, payload)
    if result["error"] == "States.TaskFailed":
        details = TaskFailedEventDetails(error=result["error"], cause=result["cause"])
        raise FailureEventException(
            failure_event=FailureEvent(
                env=env,
                error_name=StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed),
                event_type=HistoryEventType.TaskFailed,
                event_details=EventDetails(taskFailedEventDetails=details),
            )
        )
    return MockedResponseThrow(0, 0, result["error"], result["cause"])


Environment.is_mocked_mode = lambda env: env.next_state_name in results
Environment.get_current_mocked_response = next_result

credentials = {"region_name": "us-east-1", "aws_access_key_id": "none", "aws_secret_access_key": "none"}
for line in sys.stdin:
    story = json.loads(line)
    results = {name: list(visits) for name, visits in story["tasks"].items()}
    managers.clear()
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions", **credentials)
        machine = client.create_state_machine(
            name="replayed",
            definition=as_moto_reads(story["definition"]),
            roleArn="arn:aws:iam::123456789012:role/replayed",
        )["stateMachineArn"]
        execution = client.start_execution(stateMachineArn=machine, input=json.dumps(story["input"]))["executionArn"]
        while client.describe_execution(executionArn=execution)["status"] == "RUNNING":
            time.sleep(0.02)
        told = {
            "status": client.describe_execution(executionArn=execution)["status"],
            "events": client.get_execution_history(executionArn=execution, maxResults=1000)["events"],
            "items": [event for manager in managers for event in manager.get_event_history()],
            "left": {name: visits for name, visits in results.items() if visits},
        }
    print(json.dumps(told, default=str), flush=True)
