# The standard streams, Kernel#puts and Logger, as AWS's Ruby runtime has them.
#
# A `puts` is one log event whatever its lines are; so is each record of a Logger on the standard
# streams, which has the request's id in it. In the JSON format a record is an object.
# Source: Developer Guide, "Log and monitor Ruby Lambda functions"; forms as of
# aws-lambda-ruby-runtime-interface-client.
# frozen_string_literal: true

require "json"
require "logger"

module LambentRuntime
  module Logging
    LEVELS = {
      "TRACE" => Logger::DEBUG, "DEBUG" => Logger::DEBUG, "INFO" => Logger::INFO,
      "WARN" => Logger::WARN, "ERROR" => Logger::ERROR, "FATAL" => Logger::FATAL
    }.freeze

    class << self
      attr_reader :level

      def set_up(environment)
        @json = environment["AWS_LAMBDA_LOG_FORMAT"].to_s.casecmp?("JSON")
        @level = LEVELS.fetch(environment["AWS_LAMBDA_LOG_LEVEL"].to_s.upcase, Logger::DEBUG)
        [STDOUT, STDERR].each do |stream|
          stream.sync = true
          stream.singleton_class.prepend(PrintedInFrames)
        end
        Warning.extend(WarnsByTheStream)
        Kernel.prepend(PutsIsOneEvent)
        Object.prepend(PutsIsOneEvent)
        Logger.prepend(LoggerOfLambda)
      end

      def new_formatter
        @json ? JsonFormatter.new : TextFormatter.new
      end

      # What went wrong, in the log format of the function.
      def report(headline, payload)
        if @json
          LambentRuntime.channel.log(JSON.generate(
            { timestamp: Time.now.utc.strftime(JsonFormatter::TIME), level: "ERROR",
              message: headline, requestId: $_global_aws_request_id, **payload }.compact
          ))
        else
          LambentRuntime.channel.log(headline)
          LambentRuntime.channel.log(JSON.pretty_generate(payload))
        end
      end
    end

    module PrintedInFrames
      def write(*parts)
        text = parts.join
        LambentRuntime.channel.output(text) ? text.bytesize : super(text)
      end
    end

    # Ruby itself writes warnings to the descriptor, which frames overtake.
    module WarnsByTheStream
      def warn(message, **)
        $stderr.write(message)
        nil
      end
    end

    module PutsIsOneEvent
      private

      def puts(*values)
        text = values.flatten.map { |value| LambentRuntime.channel.utf8(value.to_s) }.join("\n")
        LambentRuntime.channel.log(text)
        nil
      end
    end

    # Where a Logger writes that was given a standard stream, or none.
    class Sink
      def write(text)
        LambentRuntime.channel.log(text)
      end

      def close; end

      def reopen(_log = nil); end
    end

    module LoggerOfLambda
      def initialize(device = nil, shift_age = 0, shift_size = 1_048_576, **options)
        if !device || device.equal?($stdout) || device.equal?($stderr)
          device = Sink.new
          options[:formatter] ||= Logging.new_formatter
          options[:level] ||= Logging.level
        end
        super(device, shift_age, shift_size, **options)
      end
    end

    class TextFormatter < Logger::Formatter
      def call(severity, time, program, message)
        text = format(
          "%s, [%s #%d] %5s %s -- %s: %s", severity[0], format_datetime(time), Process.pid,
          severity, $_global_aws_request_id, program, msg2str(message)
        )
        "#{LambentRuntime.channel.utf8(text)}\n"
      end
    end

    class JsonFormatter < Logger::Formatter
      TIME = "%Y-%m-%dT%H:%M:%S.%6NZ"
      PLACE = /\A(?<file>.+):(?<line>\d+):in [`'](?<method>.+)'\z/

      def call(severity, time, program, message)
        fields = { timestamp: time.getutc.strftime(TIME), level: severity,
                   message: text(message.is_a?(Exception) ? message.message : msg2str(message)),
                   requestId: $_global_aws_request_id }
        fields[:logger] = text(program) unless program.to_s.empty?
        fields.update(of_error(message)) if message.is_a?(Exception)
        "#{JSON.generate(fields.compact)}\n"
      end

      private

      def of_error(error)
        lines = (error.backtrace || []).map { |line| text(line) }
        place = PLACE.match(lines.first.to_s)
        { errorType: error.class.to_s, errorMessage: text(error.message), stackTrace: lines,
          location: place ? "#{place[:file]}:#{place[:method]}:#{place[:line]}" : lines.first }
      end

      def text(value)
        LambentRuntime.channel.utf8(value.to_s)
      end
    end
  end
end
