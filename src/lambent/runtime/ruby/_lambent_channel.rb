# The guest's end of the channel: frames out, one frame in (see runtime/frames.py).
#
# One lock guards the sending side, so threads never interleave; an exception that another thread
# raises (Timeout) waits until a frame is whole. A process that the function forks is not part of
# the conversation: its copy is closed, and what it prints goes to its real standard output.
# frozen_string_literal: true

require "monitor"

module LambentRuntime
  class Channel
    INVOKE = 0x01
    READY = 0x10
    INIT_ERROR = 0x11
    RESPONSE = 0x12
    ERROR = 0x13
    BAD_EVENT = 0x14
    LOG = 0x15
    OUTPUT = 0x16
    FATAL = 0x1A

    HEAD_BYTES = 5
    READ_BYTES = 65_536
    LOG_BYTES_MAX = 256 * 1024 # CloudWatch Logs: one event; longer ones are split

    def initialize(descriptor)
      @io = IO.for_fd(descriptor, "r+b", autoclose: false)
      @io.close_on_exec = true
      @io.sync = true
      @lock = Monitor.new
    end

    # Send one frame whole; nothing where this is not the process of the conversation.
    def post(kind, body)
      head = [body.bytesize, kind].pack("VC")
      Thread.handle_interrupt(Object => :never) do
        @lock.synchronize { @io&.write(head, body) }
      end
    rescue Errno::EPIPE
      exit!(0) # the server is gone
    end

    # One log event, a whole line; one above CloudWatch's bound becomes several.
    def log(text)
      text = "#{utf8(text).chomp}\n"
      return STDOUT.syswrite(text) unless @io

      split(text) { |part| post(LOG, part) }
    rescue ThreadError # in a signal handler no lock can be taken
      STDOUT.syswrite(text)
    end

    # Printed bytes; false where they have to go to the real stream.
    def output(text)
      return false unless @io

      text = text.b
      (0...text.bytesize).step(LOG_BYTES_MAX) { |at| post(OUTPUT, text.byteslice(at, LOG_BYTES_MAX)) }
      true
    rescue ThreadError
      false
    end

    # The next frame as binary text, its head included; nil when the server has gone.
    def receive
      data = @io.sysread(READ_BYTES)
      data << @io.sysread(HEAD_BYTES) while data.bytesize < HEAD_BYTES
      total = HEAD_BYTES + data.unpack1("V")
      data << @io.sysread(total - data.bytesize) while data.bytesize < total
      data
    rescue EOFError, Errno::ECONNRESET
      nil
    end

    # Whether a frame has come, or the end.
    def readable?
      !IO.select([@io], nil, nil, 0).nil?
    end

    def forked
      @io&.autoclose = true
      @io&.close
      @io = nil
      @lock = Monitor.new
    end

    def utf8(text)
      text = text.dup.force_encoding(Encoding::UTF_8) if text.encoding == Encoding::BINARY
      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end

    private

    # Never inside a character.
    def split(text)
      return yield(text) if text.bytesize <= LOG_BYTES_MAX

      at = 0
      while at < text.bytesize
        part = text.byteslice(at, LOG_BYTES_MAX)
        part = part.byteslice(0, part.bytesize - 1) until part.valid_encoding?
        yield part
        at += part.bytesize
      end
    end
  end
end
