// The guest's end of the channel: frames out, one frame in (see runtime/frames.py).
// One lock guards the sending side, so threads never interleave.
using System;
using System.IO;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Lambent
{
    internal enum Kind : byte
    {
        Ready = 0x10,
        InitError = 0x11,
        Response = 0x12,
        Error = 0x13,
        Log = 0x15,
    }

    internal static class Channel
    {
        private const int Descriptor = 3;
        private const int HeadBytes = 5;
        private const int LogBytesMax = 256 * 1024; // CloudWatch Logs: one event; longer ones are split

        private static readonly FileStream Incoming = Open(FileAccess.Read);
        private static readonly FileStream Outgoing = Open(FileAccess.Write);
        private static readonly object Sending = new object();

        public static void Post(Kind kind, byte[] body, int count)
        {
            var frame = new byte[HeadBytes + count];
            BitConverter.GetBytes(count).CopyTo(frame, 0);
            frame[4] = (byte)kind;
            Buffer.BlockCopy(body, 0, frame, HeadBytes, count);
            try
            {
                lock (Sending)
                {
                    Outgoing.Write(frame, 0, frame.Length);
                    Outgoing.Flush();
                }
            }
            catch (IOException)
            {
                Environment.Exit(0); // the server is gone
            }
        }

        public static void Post(Kind kind, string text)
        {
            var body = Encoding.UTF8.GetBytes(text);
            Post(kind, body, body.Length);
        }

        // One log event; one above CloudWatch's bound becomes several, never cut in a character.
        public static void Log(string text)
        {
            var body = Encoding.UTF8.GetBytes(text.EndsWith("\n") ? text : text + "\n");
            var at = 0;
            while (body.Length - at > LogBytesMax)
            {
                var end = at + LogBytesMax;
                while ((body[end] & 0xC0) == 0x80)
                    end--;
                var part = new byte[end - at];
                Buffer.BlockCopy(body, at, part, 0, part.Length);
                Post(Kind.Log, part, part.Length);
                at = end;
            }
            var rest = new byte[body.Length - at];
            Buffer.BlockCopy(body, at, rest, 0, rest.Length);
            Post(Kind.Log, rest, rest.Length);
        }

        // The next frame without its head; null when the server has gone.
        public static byte[] Receive()
        {
            var head = Read(HeadBytes);
            return head == null ? null : Read(BitConverter.ToInt32(head, 0));
        }

        private static byte[] Read(int count)
        {
            var data = new byte[count];
            var have = 0;
            while (have < count)
            {
                int got;
                try
                {
                    got = Incoming.Read(data, have, count - have);
                }
                catch (IOException)
                {
                    return null;
                }
                if (got == 0)
                    return null;
                have += got;
            }
            return data;
        }

        private static FileStream Open(FileAccess access)
        {
            // A buffer of one byte is none: what is read or written goes straight through.
            return new FileStream(new SafeFileHandle((IntPtr)Descriptor, false), access, 1, false);
        }
    }
}
