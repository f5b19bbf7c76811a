// What Amazon.Lambda.Serialization.SystemTextJson is for.
using System.IO;
using System.Text.Json;
using Amazon.Lambda.Core;

public sealed class SystemTextJson : ILambdaSerializer
{
    public T Deserialize<T>(Stream from)
    {
        var content = new MemoryStream();
        from.CopyTo(content);
        return JsonSerializer.Deserialize<T>(content.ToArray());
    }

    public void Serialize<T>(T value, Stream to)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(value);
        to.Write(content, 0, content.Length);
    }
}
