import org.codelibs.opensearch.runner.OpenSearchRunner;
import static org.codelibs.opensearch.runner.OpenSearchRunner.newConfigs;

/**
 * One embedded OpenSearch node on the loopback: java -cp ... Main DATA_DIR HTTP_PORT TRANSPORT_PORT [MODULES|-]
 * [SETTING=VALUE ...]
 */
public class Main {
  public static void main(String[] a) throws Exception {
    final String dir = a[0], transport = a[2];
    final int port = Integer.parseInt(a[1]);
    OpenSearchRunner runner = new OpenSearchRunner();
    runner.setMaxHttpPort(-1); // any port will do
    runner.onBuild((number, settings) -> {
      settings.put("network.host", "127.0.0.1");
      settings.put("http.port", String.valueOf(port));
      settings.put("transport.port", transport);
      settings.put("discovery.type", "single-node");
      settings.put("action.auto_create_index", "true");
      settings.put("cluster.routing.allocation.disk.threshold_enabled", "false");
      for (int i = 4; i < a.length; i++) {
        settings.put(a[i].substring(0, a[i].indexOf('=')), a[i].substring(a[i].indexOf('=') + 1));
      }
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        runner.close();
      } catch (Exception e) {
        System.err.println(e);
      }
    }));
    OpenSearchRunner.Configs configs = newConfigs().clusterName("oxpecker-test").numOfNode(1).basePath(dir);
    if (a.length > 3 && !a[3].equals("-")) {
      configs.moduleTypes(a[3]);
    }
    runner.build(configs.baseHttpPort(port - 1));
    runner.ensureYellow();
    System.out.println("READY");
    Thread.currentThread().join();
  }
}
