#!/bin/sh
# The runtime client reads from its environment which handler it serves and where; an image is told by its command.
_HANDLER="$1" LAMBDA_TASK_ROOT=/var/task exec node /opt/runtime-client/node_modules/aws-lambda-ric/index.mjs
