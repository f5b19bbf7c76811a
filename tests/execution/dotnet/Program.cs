// A program that speaks the Runtime API itself, as Amazon.Lambda.RuntimeSupport does for a Main.
using System;
using System.Linq;
using System.Net.Http;

public static class Program
{
    public static void Main()
    {
        var api = $"http://{Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API")}/2018-06-01/runtime/invocation/";
        using (var client = new HttpClient())
        {
            while (true)
            {
                var next = client.GetAsync(api + "next").Result;
                var id = next.Headers.GetValues("Lambda-Runtime-Aws-Request-Id").Single();
                var text = next.Content.ReadAsStringAsync().Result;
                Console.WriteLine("an event came");
                client.PostAsync(api + id + "/response", new StringContent($"{{\"event\": {text}}}")).Wait();
            }
        }
    }
}
