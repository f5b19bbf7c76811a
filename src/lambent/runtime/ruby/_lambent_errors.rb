# Errors as AWS's Ruby runtime reports them.
# Source: Developer Guide, "AWS Lambda function errors in Ruby", and the observable behaviour of
# aws-lambda-ruby-runtime-interface-client.
# frozen_string_literal: true

module LambentRuntime
  module Errors
    TRACE_LINES_MAX = 100
    # The process ends after one of these, as AWS's does; the next invocation is a cold start.
    CRITICAL = [NameError].freeze

    module_function

    def payload(error, classification)
      {
        errorMessage: LambentRuntime.channel.utf8(message(error)),
        errorType: "#{classification}<#{error.class}>",
        stackTrace: trace(error)
      }
    end

    def critical?(error)
      !error.is_a?(StandardError) || CRITICAL.any? { |kind| error.is_a?(kind) }
    end

    # The function's frames only: from the first of the runtime's own on nothing is of interest.
    def trace(error)
      lines = (error.backtrace_locations || []).first(TRACE_LINES_MAX).map(&:to_s)
      lines.take_while { |line| !line.start_with?(OWN_FOLDER) }
           .map { |line| LambentRuntime.channel.utf8(line) }
    end

    def message(error)
      error.message.to_s
    rescue StandardError # the function's own #message
      ""
    end

    OWN_FOLDER = "#{__dir__}/"
  end
end
