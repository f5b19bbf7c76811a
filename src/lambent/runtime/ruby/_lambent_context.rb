# The `context` that a handler gets.
# Source: Developer Guide, "Using the Lambda context object to retrieve Ruby function information".
# frozen_string_literal: true

require "json"

class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name,
              :function_name, :memory_limit_in_mb, :function_version, :identity, :client_context,
              :deadline_ms, :tenant_id

  def initialize(invocation)
    @clock_diff = clock(:CLOCK_REALTIME) - clock(:CLOCK_MONOTONIC)
    @deadline_ms = invocation.deadline_ms
    @aws_request_id = invocation.request_id
    @invoked_function_arn = invocation.function_arn
    @log_group_name = ENV.fetch("AWS_LAMBDA_LOG_GROUP_NAME", nil)
    @log_stream_name = ENV.fetch("AWS_LAMBDA_LOG_STREAM_NAME", nil)
    @function_name = ENV.fetch("AWS_LAMBDA_FUNCTION_NAME", nil)
    @memory_limit_in_mb = ENV.fetch("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", nil) # text, as on AWS
    @function_version = ENV.fetch("AWS_LAMBDA_FUNCTION_VERSION", nil)
    @tenant_id = invocation.tenant_id
    @client_context = invocation.client_context && JSON.parse(invocation.client_context)
  end

  def get_remaining_time_in_millis
    [@deadline_ms - clock(:CLOCK_MONOTONIC) - @clock_diff, 0].max
  end

  private

  def clock(name)
    Process.clock_gettime(Process.const_get(name), :millisecond)
  end
end
