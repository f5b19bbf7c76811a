// Errors as AWS's .NET runtime reports them: aws-lambda-dotnet, LambdaJsonExceptionWriter.cs.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Lambent
{
    // What is wrong with a handler. Named as AWS's, for its name is the error's type.
    public sealed class LambdaValidationException : Exception
    {
        public LambdaValidationException(string message)
            : base(message)
        {
        }
    }

    internal static class Errors
    {
        private const int PayloadBytesMax = 256 * 1024;
        private const string Oversize = "{\"errorMessage\":\"Exception exceeded maximum payload size of 256KB.\"}";

        // Frames below the function's own: this runtime's and those of the call by reflection.
        private static readonly string[] NotTheFunctions =
        {
            "at Lambent.", "at System.RuntimeMethodHandle.InvokeMethod(",
            "at System.Reflection.", "at InvokeStub_",
        };

        public static string Payload(Exception error)
        {
            var made = "{" + Members(error) + "}";
            return Encoding.UTF8.GetByteCount(made) <= PayloadBytesMax ? made : Oversize;
        }

        public static string Members(Exception error)
        {
            var many = error as AggregateException;
            return Json.Members(
                "errorType", Json.Text(error.GetType().Name),
                "errorMessage", Json.Text(error.Message),
                "stackTrace", Trace(error),
                "cause", many == null && error.InnerException != null ? "{" + Members(error.InnerException) + "}" : null,
                "causes", many == null ? null : Json.List(many.InnerExceptions.Select(one => "{" + Members(one) + "}")));
        }

        private static string Trace(Exception error)
        {
            var lines = (error.StackTrace ?? "").Split('\n').Select(line => line.Trim())
                .Where(line => line.Length > 0 && !NotTheFunctions.Any(start => line.StartsWith(start, StringComparison.Ordinal)));
            var made = new List<string>(lines.Select(Json.Text));
            return made.Count == 0 ? null : Json.List(made);
        }
    }
}
