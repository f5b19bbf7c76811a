require "json"

$count = 0

def handler(event:, context:)
  $count += 1
  kind = event.is_a?(Hash) && event["case"] || "echo"
  case kind
  when "echo" then event
  when "error" then raise ArgumentError, "on purpose"
  when "sleep" then sleep 60
  when "exit" then exit! 7
  when "memory"
    held = []
    loop { held << "x" * (8 * 1024 * 1024) }
  when "env" then ENV.to_h
  when "context"
    {
      requestId: context.aws_request_id,
      name: context.function_name,
      version: context.function_version,
      arn: context.invoked_function_arn,
      memory: context.memory_limit_in_mb.to_i,
      group: context.log_group_name,
      stream: context.log_stream_name,
      left: context.get_remaining_time_in_millis,
      client: context.client_context && context.client_context["custom"]
    }
  when "layer" then File.read("/opt/layer.txt")
  when "log" then puts "printed by the function"
  when "size" then "x" * event["size"]
  when "state" then { count: $count, pid: Process.pid }
  when "tmp"
    File.write("/tmp/kept", "x", mode: "a")
    File.size("/tmp/kept")
  when "read-only"
    begin
      File.write("/var/task/new", "")
    rescue SystemCallError => error
      error.errno
    end
  when "cwd" then Dir.pwd
  end
end
