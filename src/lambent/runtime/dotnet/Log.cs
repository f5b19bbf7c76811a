// Log lines as AWS's .NET runtimes write them: from .NET 6 on with time, request and level, or as JSON.
// Source: Developer Guide, "Log and monitor C# Lambda functions"; aws-lambda-dotnet,
// DefaultLogMessageFormatter.cs and ConsoleLoggerWriter.cs.
using System;
using System.Globalization;
using System.IO;
using System.Text;

namespace Lambent
{
    internal enum Level
    {
        Trace,
        Debug,
        Information,
        Warning,
        Error,
        Critical,
    }

    internal static class Log
    {
        public static volatile string RequestId;
        public static volatile string TraceId;

        private static readonly string[] Labels = { "trce", "dbug", "info", "warn", "fail", "crit" };
        private static readonly bool AsJson = Is("AWS_LAMBDA_LOG_FORMAT", "JSON");
        private static readonly bool Bare =
            Environment.Version.Major < 6 || Is("AWS_LAMBDA_HANDLER_LOG_FORMAT", "Unformatted");
        private static readonly Level Least = LeastLevel();
        private static readonly LineWriter Out = new LineWriter(Level.Information);
        private static readonly LineWriter Err = new LineWriter(Level.Error);

        public static void SetUp()
        {
            Console.SetOut(Out);
            Console.SetError(Err);
        }

        // Before an answer: what was printed without an end of line.
        public static void Flush()
        {
            Out.Flush();
            Err.Flush();
        }

        public static void Write(Level level, string message, Exception error = null)
        {
            if (level < Least)
                return;
            var time = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
            if (AsJson)
            {
                var members = Json.Members(
                    "timestamp", Json.Text(time), "level", Json.Text(level.ToString()),
                    "requestId", RequestId == null ? null : Json.Text(RequestId),
                    "traceId", TraceId == null ? null : Json.Text(TraceId),
                    "message", Json.Text(message));
                Channel.Log("{" + members + (error == null ? "" : "," + Errors.Members(error)) + "}");
                return;
            }
            if (error != null)
                message = string.IsNullOrEmpty(message) ? error.ToString() : message + "\n" + error;
            Channel.Log(Bare ? message : time + "\t" + RequestId + "\t" + Labels[(int)level] + "\t" + message);
        }

        public static bool TryLevel(string name, out Level level)
        {
            switch ((name ?? "").ToUpperInvariant())
            {
                case "WARN": name = "Warning"; break;
                case "INFO": name = "Information"; break;
                case "FATAL": name = "Critical"; break;
            }
            return Enum.TryParse(name, true, out level) && Enum.IsDefined(typeof(Level), level);
        }

        private static Level LeastLevel()
        {
            var name = Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_LEVEL")
                ?? Environment.GetEnvironmentVariable("AWS_LAMBDA_HANDLER_LOG_LEVEL");
            Level level;
            return TryLevel(name, out level) ? level : Level.Information;
        }

        private static bool Is(string variable, string value)
        {
            var set = Environment.GetEnvironmentVariable(variable);
            return string.Equals(set, value, StringComparison.OrdinalIgnoreCase);
        }
    }

    // Console.Out or Console.Error: a WriteLine is one record, whatever lines it holds.
    internal sealed class LineWriter : TextWriter
    {
        private readonly Level _level;
        private readonly StringBuilder _begun = new StringBuilder();

        public LineWriter(Level level)
            : base(CultureInfo.InvariantCulture)
        {
            _level = level;
            CoreNewLine = new[] { '\n' };
        }

        public override Encoding Encoding
        {
            get { return Encoding.UTF8; }
        }

        public override void Write(char value)
        {
            Write(value.ToString());
        }

        public override void Write(char[] buffer, int index, int count)
        {
            Write(new string(buffer, index, count));
        }

        public override void Write(string value)
        {
            if (string.IsNullOrEmpty(value))
                return;
            lock (_begun)
            {
                _begun.Append(value);
                if (value[value.Length - 1] == '\n')
                    Flush();
            }
        }

        public override void WriteLine()
        {
            WriteLine("");
        }

        public override void WriteLine(string value)
        {
            lock (_begun)
            {
                _begun.Append(value).Append('\n');
                Flush();
            }
        }

        public override void Flush()
        {
            lock (_begun)
            {
                if (_begun.Length == 0)
                    return;
                var text = _begun.ToString();
                _begun.Clear();
                Log.Write(_level, text.EndsWith("\n") ? text.Substring(0, text.Length - 1) : text);
            }
        }
    }
}
