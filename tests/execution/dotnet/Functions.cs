using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

[assembly: LambdaSerializer(typeof(SystemTextJson))]

namespace Functions
{
    public class Order
    {
        public string Name { get; set; }
        public int Count { get; set; }
    }

    public class Instance
    {
        private readonly double _made = (DateTime.UtcNow - new DateTime(1970, 1, 1)).TotalSeconds;
        private int _calls;

        public Order Objects(Order order, ILambdaContext context)
        {
            return new Order { Name = order.Name.ToUpperInvariant(), Count = order.Count + ++_calls };
        }

        public async Task<Order> Tasks(Order order)
        {
            await Task.Delay(1);
            if (order.Count < 0)
                throw new ArgumentException("less than nothing", new InvalidOperationException("the cause"));
            return order;
        }

        public Stream Streams(Stream content)
        {
            return content;
        }

        public static string Static(string text)
        {
            return text + "!";
        }

        public string Word(Stream content)
        {
            return "one " + ++_calls;
        }

        public void Nothing()
        {
        }

        public async Task NothingLater(Stream content)
        {
            await Task.Yield();
        }

        public string Size(int size)
        {
            return new string('x', size);
        }

        public string Overloaded(string one)
        {
            return one;
        }

        public string Overloaded(int one)
        {
            return one.ToString(CultureInfo.InvariantCulture);
        }

        public async void AsyncVoid(Stream content)
        {
            await Task.Yield();
        }

        public void Many(Stream one, ILambdaContext two, Stream three)
        {
        }

        public void Logs(Stream content, ILambdaContext context)
        {
            Console.WriteLine("out\nof two lines");
            Console.Error.WriteLine("err");
            Console.Write("no end");
            Console.Write(" of line");
            context.Logger.LogLine("line");
            context.Logger.Log("Error", "level");
            context.Logger.LogWarning("{count} of {what:x}", 3, 255);
        }

        public Dictionary<string, object> Tell(Stream content, ILambdaContext context)
        {
            return new Dictionary<string, object>
            {
                { "id", context.AwsRequestId },
                { "name", context.FunctionName },
                { "version", context.FunctionVersion },
                { "arn", context.InvokedFunctionArn },
                { "group", context.LogGroupName },
                { "stream", context.LogStreamName },
                { "memory", context.MemoryLimitInMB },
                { "left", context.RemainingTime.TotalMilliseconds },
                { "identity", context.Identity.IdentityId },
                { "custom", context.ClientContext?.Custom },
                { "root", Environment.GetEnvironmentVariable("DOTNET_ROOT") },
                { "execution", Environment.GetEnvironmentVariable("AWS_EXECUTION_ENV") },
                { "culture", new CultureInfo("de-DE").NumberFormat.NumberDecimalSeparator },
            };
        }

        // Seconds: since the host's start until this process began, and since 1970 until this was made.
        public Dictionary<string, object> Began(Stream content)
        {
            var ticks = File.ReadAllText("/proc/self/stat").Split(')').Last().Split(' ')[20];
            return new Dictionary<string, object>
            {
                { "started", double.Parse(ticks, CultureInfo.InvariantCulture) / 100 },
                { "made", _made },
                { "variables", Environment.GetEnvironmentVariables().Keys },
            };
        }

        public void OnAnotherThread()
        {
            var thread = new Thread(() => throw new InvalidOperationException("nobody catches this"));
            thread.Start();
            thread.Join();
        }
    }

    public class Broken
    {
        public Broken()
        {
            throw new InvalidOperationException("not today");
        }

        public void Handle()
        {
        }
    }
}
