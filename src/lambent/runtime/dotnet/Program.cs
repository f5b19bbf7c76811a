// The .NET runtime inside an execution environment: load the handler, then serve invocations.
//
// All that it is told is in the environment variables and in the frames on descriptor 3. What
// functions can observe follows AWS's runtime, Amazon.Lambda.RuntimeSupport. C# 7 and nothing but the
// framework, so that any compiler can make it.
using System;
using System.IO;
using System.Reflection;
using System.Runtime.Loader;

namespace Lambent
{
    internal static class Program
    {
        private const int ResponseBytesMax = 6291556; // 6 MiB + 100
        private const int ExitInit = 1;

        private static int Main()
        {
            Ahead.Wait();
            Log.SetUp();
            Context.SetUp();
            AssemblyLoadContext.Default.Resolving += BesideTheHandler;
            Handler handler;
            try
            {
                handler = new Handler(Environment.GetEnvironmentVariable("_HANDLER") ?? "");
            }
            catch (Exception error) // whatever the function's constructors raise
            {
                Log.Flush();
                Log.Write(Level.Error, null, error);
                Channel.Post(Kind.InitError, Errors.Payload(error));
                return ExitInit;
            }
            Log.Flush();
            Channel.Post(Kind.Ready, "");
            for (var frame = Channel.Receive(); frame != null; frame = Channel.Receive())
                Serve(handler, new Invocation(frame));
            Environment.Exit(0); // the server is done with this environment, or gone
            return 0;
        }

        private static void Serve(Handler handler, Invocation invocation)
        {
            Log.RequestId = invocation.RequestId;
            Log.TraceId = invocation.TraceId;
            Environment.SetEnvironmentVariable("_X_AMZN_TRACE_ID", invocation.TraceId);
            var answer = new MemoryStream();
            try
            {
                handler.Call(invocation, answer);
            }
            catch (Exception error)
            {
                Log.Flush();
                Log.Write(Level.Error, null, error);
                Channel.Post(Kind.Error, Errors.Payload(error));
                return;
            }
            Log.Flush();
            if (answer.Length <= ResponseBytesMax)
                Channel.Post(Kind.Response, answer.GetBuffer(), (int)answer.Length);
            else
                Channel.Post(Kind.Error, TooLarge());
        }

        private static string TooLarge()
        {
            return "{" + Json.Members(
                "errorMessage", Json.Text($"Response payload size exceeded maximum allowed payload size ({ResponseBytesMax} bytes)."),
                "errorType", Json.Text("Function.ResponseSizeTooLarge")) + "}";
        }

        // What deps.json does not tell of.
        private static Assembly BesideTheHandler(AssemblyLoadContext context, AssemblyName name)
        {
            var root = Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT") ?? "/var/task";
            var path = Path.Combine(root, name.Name + ".dll");
            return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
        }
    }
}
