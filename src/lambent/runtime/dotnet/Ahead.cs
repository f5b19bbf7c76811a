// Started before there is demand: what can be compiled and loaded without the function, and the wait
// for START. .NET itself reads the function's deps.json and runtimeconfig.json before any of this
// runs; its assemblies are not touched.
using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Lambent
{
    internal static class Ahead
    {
        private const string Variable = "_LAMBENT_AHEAD";
        private const string Echo = "Lambent.Bootstrap::Lambent.Ahead::Answer";

        private const BindingFlags Own = BindingFlags.Public | BindingFlags.NonPublic
            | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

        // What every invocation goes through. Not Context: a function may bring the library it needs.
        private static readonly Type[] Types =
        {
            typeof(Channel), typeof(Errors), typeof(Handler), typeof(Invocation), typeof(Json),
            typeof(LineWriter), typeof(Log), typeof(Program), typeof(Serializer), typeof(Stand),
        };

        private static volatile bool _isStarted;

        // Returns once the init is to begin, at once where nobody asked to wait.
        public static void Wait()
        {
            if (Environment.GetEnvironmentVariable(Variable) == null)
                return;
            Environment.SetEnvironmentVariable(Variable, null);
            var isGone = false;
            var listener = new Thread(() =>
            {
                isGone = Channel.Receive() == null;
                _isStarted = true;
            });
            listener.Start();
            Warm();
            listener.Join();
            if (isGone)
                Environment.Exit(0);
        }

        // Ends early once START has come: the rest would only be waited for.
        private static void Warm()
        {
            foreach (var method in Types.SelectMany(type => type.GetMethods(Own)))
            {
                if (_isStarted)
                    return;
                if (!method.IsAbstract && !method.ContainsGenericParameters)
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
            }
            new Handler(Echo).Call(new Invocation(new byte[Invocation.FieldsAt]), new MemoryStream());
            if (_isStarted)
                return;
            ((IDisposable)Stand.In(typeof(IDisposable), (method, arguments) => null)).Dispose();
            Errors.Payload(new InvalidOperationException(Echo));
            if (!_isStarted)
                GC.Collect(); // what waits should be small
        }

        public static Stream Answer(Stream input)
        {
            return input;
        }
    }
}
