"""Replays scripted task results through moto's Step Functions interpreter: a story as JSON a line on stdin, what happened on stdout.

A story has `definition`, `input`, `services` (tasks that are no functions) and `tasks`: for each task state the results of
its visits in order, `{"output": ...}` or `{"error": name, "cause": text}`. Nothing is called: moto's own seam for mocked
service integrations gives the results.
"""

import json
import logging
import sys
import time

import boto3
from moto import mock_aws
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.mocking.mock_config import MockedResponseReturn, MockedResponseThrow

logging.disable()

story = {}
results = {}


def next_result(env):
    name = env.next_state_name
    result = results[name].pop(0)
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
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions", **credentials)
        machine = client.create_state_machine(
            name="replayed",
            definition=json.dumps(story["definition"]),
            roleArn="arn:aws:iam::123456789012:role/replayed",
        )["stateMachineArn"]
        execution = client.start_execution(stateMachineArn=machine, input=json.dumps(story["input"]))["executionArn"]
        while client.describe_execution(executionArn=execution)["status"] == "RUNNING":
            time.sleep(0.02)
        told = {
            "status": client.describe_execution(executionArn=execution)["status"],
            "events": client.get_execution_history(executionArn=execution, maxResults=1000)["events"],
            "left": {name: visits for name, visits in results.items() if visits},
        }
    print(json.dumps(told, default=str), flush=True)
