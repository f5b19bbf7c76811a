// Started before there is demand: what can be compiled and loaded without the function, and the wait
// for START. .NET itself reads the function's deps.json and runtimeconfig.json before any of this
// runs; its assemblies are not touched.
using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;

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

        // Returns once the init is to begin, at once where nobody asked to wait.
        public static void Wait()
        {
            if (Environment.GetEnvironmentVariable(Variable) == null)
                return;
            Environment.SetEnvironmentVariable(Variable, null);
            Warm();
            GC.Collect(); // what waits should be small
            if (Channel.Receive() == null)
                Environment.Exit(0); // the server is gone
        }

        private static void Warm()
        {
            foreach (var method in Types.SelectMany(type => type.GetMethods(Own)))
                if (!method.IsAbstract && !method.ContainsGenericParameters)
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
            var invocation = new Invocation(new byte[Invocation.FieldsAt]);
            new Handler(Echo).Call(invocation, new MemoryStream());
            ((IDisposable)Stand.In(typeof(IDisposable), (method, arguments) => null)).Dispose();
            Errors.Payload(new InvalidOperationException(Echo));
        }

        public static Stream Answer(Stream input)
        {
            return input;
        }
    }
}
