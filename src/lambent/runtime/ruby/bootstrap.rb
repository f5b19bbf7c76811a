# The Ruby runtime inside an execution environment: load the handler, then serve invocations.
#
# All that it is told is in the environment variables and in the frames on descriptor 3. What
# functions can observe (error payloads, log lines, the context) follows AWS's runtime,
# aws-lambda-ruby-runtime-interface-client. Standard library only; Ruby 3.1 and newer.
# frozen_string_literal: true

require_relative "_lambent_channel"

module LambentRuntime
  DESCRIPTOR = 3
  ARN = "_LAMBENT_FUNCTION_ARN"
  AHEAD = "_LAMBENT_AHEAD"
  RESPONSE_BYTES_MAX = 6_291_556 # 6 MiB + 100

  # What AWS's runtime exits with, as a status.
  EXIT_CRITICAL = 255
  EXIT_INIT = 252

  class << self
    attr_accessor :channel, :function_arn
  end
end

LambentRuntime.channel = LambentRuntime::Channel.new(LambentRuntime::DESCRIPTOR)
if ENV.delete(LambentRuntime::AHEAD)
  require_relative "_lambent_ahead"
  LambentRuntime::Ahead.wait(LambentRuntime.channel)
end
LambentRuntime.function_arn = ENV.delete(LambentRuntime::ARN).to_s
$_global_aws_request_id = nil

require "json"
require "stringio"
require_relative "_lambent_logging"
require_relative "_lambent_errors"
require_relative "_lambent_context"

# AWS's runtime has these loaded: functions came to rely on it. Here they wait to be named.
Object.autoload(:Net, "net/http")
Object.autoload(:URI, "uri")

module AwsLambda
  # Functions may replace both to change how events and results are read and written.
  class Marshaller
    class << self
      def marshall_request(raw_request)
        JSON.parse(raw_request.body)
      end

      def marshall_response(method_response)
        case method_response
        when StringIO, IO then [method_response, "application/unknown"]
        else method_response.to_json
        end
      end
    end
  end
end

# Named as in AWS's runtime: a missing handler is told as a method missing in it.
class LambdaHandler
  attr_reader :handler_file_name

  def initialize(env_handler:)
    parts = env_handler.split(".")
    @handler_file_name, *@handler_class, @handler_method_name = parts
    return if [2, 3].include?(parts.size)

    raise ArgumentError, "Invalid handler #{parts}, must be of form FILENAME.METHOD or " \
                         "FILENAME.CLASS.METHOD where FILENAME corresponds with an existing Ruby " \
                         "source file FILENAME.rb, CLASS is an optional module/class namespace " \
                         "and METHOD is a callable method. If using CLASS, METHOD must be a " \
                         "class-level method."
  end

  def call_handler(request:, context:)
    receiver = @handler_class.empty? ? self : Kernel.const_get(@handler_class.first)
    response = receiver.__send__(@handler_method_name, event: request, context: context)
    AwsLambda::Marshaller.marshall_response(response)
  end
end

module LambentRuntime
  # One INVOKE frame; stands for the HTTP response that AWS's runtime hands to the marshaller.
  class Invocation
    LAYOUT = "x5EvvvvV" # behind length and kind: the deadline, then five lengths
    BODY_AT = 25

    attr_reader :request_id, :trace_id, :tenant_id, :client_context, :deadline_ms, :body

    def initialize(frame)
      deadline_s, *lengths = frame.unpack(LAYOUT)
      at = BODY_AT
      fields = lengths.map do |length|
        at += length
        frame.byteslice(at - length, length).force_encoding(Encoding::UTF_8)
      end
      @deadline_ms = (deadline_s * 1000).to_i
      @request_id, @trace_id, @tenant_id, @qualifier, @client_context =
        fields.map { |text| text.empty? ? nil : text }
      @body = frame.byteslice(at, frame.bytesize - at).force_encoding(Encoding::UTF_8)
      @body = "{}" if @body.empty?
    end

    def function_arn
      [LambentRuntime.function_arn, *@qualifier].join(":")
    end

    # Headers of the Runtime API.
    def [](name)
      case name.downcase
      when "content-type" then "application/json"
      when "lambda-runtime-aws-request-id" then @request_id
      when "lambda-runtime-deadline-ms" then @deadline_ms.to_s
      when "lambda-runtime-invoked-function-arn" then function_arn
      when "lambda-runtime-trace-id" then @trace_id
      when "lambda-runtime-aws-tenant-id" then @tenant_id
      when "lambda-runtime-client-context" then @client_context
      end
    end
  end

  # A fork of the function is no part of the conversation.
  module ForkedApart
    def _fork
      pid = super
      LambentRuntime.channel.forked if pid.zero?
      pid
    end
  end

  class << self
    def run
      Logging.set_up(ENV)
      Process.singleton_class.prepend(ForkedApart)
      handler = load_handler(ENV.fetch("_HANDLER", ""), ENV.fetch("LAMBDA_TASK_ROOT", "/var/task"))
      channel.post(Channel::READY, "")
      while (frame = channel.receive)
        serve(handler, Invocation.new(frame))
      end
      exit!(0) # the server is done with this environment, or gone
    end

    private

    def load_handler(name, root)
      Dir.chdir(root) if File.directory?(root)
      $LOAD_PATH.unshift(root) unless $LOAD_PATH.include?(root)
      handler = LambdaHandler.new(env_handler: name)
      require handler.handler_file_name
      handler
    rescue Exception => e # LoadError, SyntaxError, whatever the function's own code raises
      error = Errors.payload(e, "Init")
      Logging.report("Init error when loading handler #{name}", error)
      channel.post(Channel::INIT_ERROR, encode(error))
      exit(EXIT_INIT)
    end

    def serve(handler, invocation)
      $_global_aws_request_id = invocation.request_id
      ENV["_X_AMZN_TRACE_ID"] = invocation.trace_id
      request = parse(invocation)
      return if request.nil?

      response, = handler.call_handler(request: request.first, context: LambdaContext.new(invocation))
      response = response.read if response.respond_to?(:read)
      answer(response.to_s)
    rescue Exception => e # SystemExit too: the invocation is told of it
      fail_with(e)
    end

    # The event in an array, for it may be null; nil where it is none.
    def parse(invocation)
      [AwsLambda::Marshaller.marshall_request(invocation)]
    rescue JSON::ParserError => e
      reason = e.message.lines.first.to_s.chomp
      channel.post(
        Channel::BAD_EVENT,
        channel.utf8("Could not parse request body into json: Could not parse payload into json: #{reason}")
      )
      nil
    end

    def answer(body)
      if body.bytesize <= RESPONSE_BYTES_MAX
        channel.post(Channel::RESPONSE, body)
      else
        channel.post(Channel::ERROR, too_large)
      end
    end

    def fail_with(problem)
      error = Errors.payload(problem, "Function")
      critical = Errors.critical?(problem)
      Logging.report(critical ? "Critical exception from handler" : "Error raised from handler method", error)
      channel.post(critical ? Channel::FATAL : Channel::ERROR, encode(error))
      exit(EXIT_CRITICAL) if critical
    end

    def encode(error)
      body = JSON.generate(error)
      body.bytesize <= RESPONSE_BYTES_MAX ? body : too_large
    end

    def too_large
      JSON.generate(
        errorMessage: "Response payload size exceeded maximum allowed payload size " \
                      "(#{RESPONSE_BYTES_MAX} bytes).",
        errorType: "Function.ResponseSizeTooLarge"
      )
    end
  end
end

LambentRuntime.run
