"""With `--auth iam`, what a function's role may not do is refused when it is configured."""

from __future__ import annotations

from tests.system.auth_world import World, allow, refusal

QUEUE = "arn:aws:sqs:us-east-1:000000000000:configs-roles"


def test_a_mapping_and_a_destination_need_the_roles_permission(world: World) -> None:
    role = world.make_role("configs-roles")
    world.create("configs-roles", "def handler(event, context): return event", Role=role)
    world.client("sqs").create_queue(QueueName="configs-roles")
    create = {"FunctionName": "configs-roles", "EventSourceArn": QUEUE}
    put = {
        "FunctionName": "configs-roles",
        "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
    }
    refused = refusal(world.functions.create_event_source_mapping, **create)
    assert refused[:2] == ("InvalidParameterValueException", 400)
    assert "ReceiveMessage on SQS" in refused[2]
    refused = refusal(world.functions.put_function_event_invoke_config, **put)
    assert "SendMessage" in refused[2]

    document = allow("sqs:*", resource=QUEUE)
    world.iam.put_role_policy(RoleName="configs-roles", PolicyName="p", PolicyDocument=document)
    made = world.functions.create_event_source_mapping(**create)
    world.functions.put_function_event_invoke_config(**put)
    world.functions.delete_event_source_mapping(UUID=made["UUID"])
    world.functions.delete_function(FunctionName="configs-roles")
