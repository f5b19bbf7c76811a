// The ILambdaContext of a function: its own package's interface, which this runtime does not know.
// Source: Developer Guide, "Using the Lambda context object to retrieve C# function information".
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Text.Json;

namespace Lambent
{
    internal static class Context
    {
        public const string Interface = "Amazon.Lambda.Core.ILambdaContext";

        private static readonly string Arn = Environment.GetEnvironmentVariable("_LAMBENT_FUNCTION_ARN");

        // Takes the variable away before the function could see it.
        public static void SetUp()
        {
            Environment.SetEnvironmentVariable("_LAMBENT_FUNCTION_ARN", Arn == null ? null : "");
        }

        public static object Make(Type type, Invocation invocation)
        {
            return Stand.In(type, (method, arguments) =>
            {
                switch (method.Name)
                {
                    case "get_AwsRequestId": return invocation.RequestId;
                    case "get_TraceId": return invocation.TraceId;
                    case "get_TenantId": return invocation.TenantId;
                    case "get_FunctionName": return Variable("AWS_LAMBDA_FUNCTION_NAME");
                    case "get_FunctionVersion": return Variable("AWS_LAMBDA_FUNCTION_VERSION");
                    case "get_InvokedFunctionArn":
                        return invocation.Qualifier == null ? Arn : Arn + ":" + invocation.Qualifier;
                    case "get_LogGroupName": return Variable("AWS_LAMBDA_LOG_GROUP_NAME");
                    case "get_LogStreamName": return Variable("AWS_LAMBDA_LOG_STREAM_NAME");
                    case "get_MemoryLimitInMB":
                        return int.Parse(Variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), CultureInfo.InvariantCulture);
                    case "get_RemainingTime": return invocation.RemainingTime;
                    case "get_Logger": return Stand.In(method.ReturnType, WriteLog);
                    case "get_Identity": return Stand.In(method.ReturnType, (one, _) => "");
                    case "get_ClientContext": return ClientContext(method.ReturnType, invocation.ClientContext);
                    default: return Stand.DefaultOf(method.ReturnType);
                }
            });
        }

        // ILambdaLogger: Log, LogLine, Log(level, …), LogInformation and its like, some with an exception.
        private static object WriteLog(MethodInfo method, object[] arguments)
        {
            var level = Level.Information;
            var name = method.Name.StartsWith("Log", StringComparison.Ordinal) ? method.Name.Substring(3) : "";
            var rest = new List<object>(arguments);
            if (name != "" && name != "Line")
                Log.TryLevel(name, out level);
            else if (rest.Count > 1 && Log.TryLevel(rest[0].ToString(), out level))
                rest.RemoveAt(0);
            var error = rest.OfType<Exception>().FirstOrDefault();
            rest.Remove(error);
            var message = rest.FirstOrDefault() as string;
            var values = rest.Count > 1 ? rest[1] as object[] : null;
            Log.Write(level, values == null ? message : Fill(message, values), error);
            return null;
        }

        // "{name}" and "{0:format}" in the order of the values, as AWS's logger fills them.
        private static string Fill(string template, object[] values)
        {
            var made = new System.Text.StringBuilder();
            var next = 0;
            for (var at = 0; at < template.Length; at++)
            {
                var end = template[at] == '{' ? template.IndexOf('}', at) : -1;
                if (end < 0 || next >= values.Length)
                {
                    made.Append(template[at]);
                    continue;
                }
                var parts = template.Substring(at + 1, end - at - 1).Split(new[] { ':' }, 2);
                var format = parts.Length == 2 ? "{0:" + parts[1] + "}" : "{0}";
                made.AppendFormat(CultureInfo.InvariantCulture, format, values[next++]);
                at = end;
            }
            return made.ToString();
        }

        private static object ClientContext(Type type, string json)
        {
            if (json == null)
                return null;
            var root = JsonDocument.Parse(json).RootElement;
            return Stand.In(type, (method, _) =>
            {
                switch (method.Name)
                {
                    case "get_Custom": return Texts(root, "custom");
                    case "get_Environment": return Texts(root, "env");
                    case "get_Client": return Client(method.ReturnType, root);
                    default: return Stand.DefaultOf(method.ReturnType);
                }
            });
        }

        private static object Client(Type type, JsonElement root)
        {
            var texts = Texts(root, "client");
            return Stand.In(type, (method, _) =>
            {
                string found;
                switch (method.Name)
                {
                    case "get_AppTitle": texts.TryGetValue("app_title", out found); break;
                    case "get_AppVersionName": texts.TryGetValue("app_version_name", out found); break;
                    case "get_AppVersionCode": texts.TryGetValue("app_version_code", out found); break;
                    case "get_AppPackageName": texts.TryGetValue("app_package_name", out found); break;
                    case "get_InstallationId": texts.TryGetValue("installation_id", out found); break;
                    default: found = null; break;
                }
                return found;
            });
        }

        private static IDictionary<string, string> Texts(JsonElement root, string name)
        {
            var made = new Dictionary<string, string>();
            JsonElement found;
            if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out found)
                && found.ValueKind == JsonValueKind.Object)
                foreach (var one in found.EnumerateObject())
                    made[one.Name] = one.Value.ToString();
            return made;
        }

        private static string Variable(string name)
        {
            return Environment.GetEnvironmentVariable(name);
        }
    }

    // An object that has an interface known only at run time.
    public class Stand : DispatchProxy
    {
        private Func<MethodInfo, object[], object> _answer;

        internal static object In(Type type, Func<MethodInfo, object[], object> answer)
        {
            var create = typeof(DispatchProxy).GetMethods().First(method =>
                method.Name == "Create" && method.GetGenericArguments().Length == 2);
            var made = create.MakeGenericMethod(type, typeof(Stand)).Invoke(null, null);
            ((Stand)made)._answer = answer;
            return made;
        }

        internal static object DefaultOf(Type type)
        {
            return type.IsValueType && type != typeof(void) ? Activator.CreateInstance(type) : null;
        }

        protected override object Invoke(MethodInfo method, object[] arguments)
        {
            return _answer(method, arguments);
        }
    }
}
