System.Console.WriteLine("danube-lb");
