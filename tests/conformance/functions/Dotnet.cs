using System;
using System.Collections;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text;
using System.Text.Json;
using System.Threading;
using Amazon.Lambda.Core;

public class Function
{
    private int _count;

    public Stream Handle(Stream content, ILambdaContext context)
    {
        _count++;
        var read = new MemoryStream();
        content.CopyTo(read);
        var root = JsonDocument.Parse(read.ToArray()).RootElement;
        JsonElement name = default(JsonElement);
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("case", out name))
            return new MemoryStream(read.ToArray());
        return new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(Answer(name.GetString(), root, context)));
    }

    private object Answer(string name, JsonElement root, ILambdaContext context)
    {
        switch (name)
        {
            case "error":
                throw new ArgumentException("on purpose");
            case "sleep":
                Thread.Sleep(60_000);
                return null;
            case "exit":
                Environment.Exit(7);
                return null;
            case "memory":
                return Fill();
            case "env":
                return Variables();
            case "context":
                return Tell(context);
            case "layer":
                return File.ReadAllText("/opt/layer.txt");
            case "log":
                Console.WriteLine("printed by the function");
                return null;
            case "size":
                return new string('x', root.GetProperty("size").GetInt32());
            case "state":
                return new Dictionary<string, int> { { "count", _count }, { "pid", Process.GetCurrentProcess().Id } };
            case "tmp":
                File.AppendAllText("/tmp/kept", "x");
                return new FileInfo("/tmp/kept").Length;
            case "read-only":
                return WriteCode();
            case "cwd":
                return Directory.GetCurrentDirectory();
            default:
                return null;
        }
    }

    private static object Fill()
    {
        var held = new List<byte[]>();
        while (true)
        {
            var more = new byte[8 * 1024 * 1024];
            for (var at = 0; at < more.Length; at += 4096)
                more[at] = 1;
            held.Add(more);
        }
    }

    private static object Variables()
    {
        var made = new Dictionary<string, string>();
        foreach (DictionaryEntry one in Environment.GetEnvironmentVariables())
            made[(string)one.Key] = (string)one.Value;
        return made;
    }

    private static object Tell(ILambdaContext context)
    {
        return new Dictionary<string, object>
        {
            { "requestId", context.AwsRequestId },
            { "name", context.FunctionName },
            { "version", context.FunctionVersion },
            { "arn", context.InvokedFunctionArn },
            { "memory", context.MemoryLimitInMB },
            { "group", context.LogGroupName },
            { "stream", context.LogStreamName },
            { "left", (int)context.RemainingTime.TotalMilliseconds },
            { "client", context.ClientContext?.Custom },
        };
    }

    private static object WriteCode()
    {
        try
        {
            File.WriteAllText("/var/task/new", "");
            return 0;
        }
        catch (UnauthorizedAccessException)
        {
            return 13; // EACCES
        }
        catch (IOException error)
        {
            return error.HResult; // an errno
        }
    }
}
